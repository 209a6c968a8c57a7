"""kill -9 between any two writes, then run again: converged, nothing twice, nothing left over."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from tests.system.conftest import MAPPING
from tests.system.site import Site

pytestmark = pytest.mark.live

KILLER = Path(__file__).with_name("killer.py")
GENEROUS = (
    "policy: {removals: {per_day: 100%, at_least: 9999, at_most: 9999}, "
    "privileged_per_run: 99, delete_units: delete}\n"
)
ONE = MAPPING + GENEROUS
OTHER = (
    ONE.replace("          platform:\n", "          core:\n            formerly: [platform]\n")
    .replace(
        "carla.cid@acme.example, dan.duval@acme.example", "carla.cid@acme.example, kay.kerr@acme.example"
    )
    .replace('          "Lyon, Part-Dieu":', '          "Paris + Nord":')
)
BACK = ONE.replace("          platform:\n", "          platform:\n            formerly: [core]\n")
MOST_WRITES = 24  # of one change from ONE to OTHER; a later number is a run that ends by itself


def kill_and_heal(site: Site, kills: int, seed: int) -> int:
    """Go to and fro between two mappings, each time killed once; the number of runs that were killed."""
    chance = random.Random(seed)
    killed = 0
    site.write(ONE)
    site.apply().ok()
    expected = {}
    for number in range(kills):
        text = (OTHER, BACK)[number % 2]
        site.write(text)
        moment = [str(chance.randint(1, MOST_WRITES)), chance.choice(("before", "after"))]
        command = site.command("apply", "acme", "--yes")[3:]
        answer = site.cli(program=[sys.executable, str(KILLER), *moment, *command])
        killed += answer.code == -9
        site.apply().ok()
        assert site.cli("plan", "acme", "--detailed-exitcode").code == 0, moment
        there = shape(site)
        assert there == expected.setdefault(text, there), moment
    return killed


def shape(site: Site) -> tuple[object, object, object]:
    """Everything there is: groups with members, directory entries with members, accounts."""
    groups = {path: group["members"] for path, group in site.groups().items()}
    entries = {dn: sorted(entry.get("member", [])) for dn, entry in site.entries().items()}
    return groups, entries, sorted(site.users())


def test_ten_kills_heal(site: Site) -> None:
    assert kill_and_heal(site, 10, seed=1) >= 7


@pytest.mark.full
def test_a_hundred_kills_heal(site: Site) -> None:
    assert kill_and_heal(site, 100, seed=2) >= 70
