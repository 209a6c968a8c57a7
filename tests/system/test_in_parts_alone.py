"""A mapping whose root units run apart, by one daemon on SQLite, on real servers."""

from __future__ import annotations

import re
import sys
from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

from syncd.app import App
from syncd.settings import load
from tests.system.test_daemon import KILLER, NEVER, Serving, eventually, serving
from tests.system.test_in_parts import PEOPLE, ROOTS, held, text_of

if TYPE_CHECKING:
    from tests.system.site import Site

pytestmark = pytest.mark.live

PARTS = {"/", "/acme", "/bolt", "/cork"}
FOUR = PEOPLE[:4]
RUNS = ("--output", "json", "runs", "list", "--limit", "10000")
SUCCESS = r'^syncd_last_success_timestamp_seconds{mapping="acme"} (\S+)$'


@pytest.fixture
def alone(site: Site) -> Site:
    """Three root units with the same people, applied; its store is on SQLite."""
    site.config.write_text(site.config.read_text() + NEVER)
    site.write(text_of(acme=FOUR, bolt=FOUR, cork=FOUR))
    site.apply().ok()
    return site


def test_one_daemon_runs_root_units_apart_and_the_whole_where_a_unit_moves(alone: Site) -> None:
    with serving(alone) as daemon:
        group = alone.groups()["/bolt/core/member"]["id"]
        gone = alone.admin("GET", f"groups/{group}/members")[0]["id"]
        alone.admin("DELETE", f"users/{gone}/groups/{group}")
        alone.write(text_of(acme=FOUR[:3], bolt=FOUR, cork=PEOPLE))
        eventually(lambda: [held(alone, root) for root in ROOTS] == [(3, 3), (4, 4), (5, 5)])
        _tells_of_parts(alone, daemon)
        assert {run["part"] for run in _runs(alone) if run["done"]} >= PARTS

        alone.write(_moved(text_of(acme=FOUR[:3], bolt=FOUR, cork=PEOPLE)))
        team = f"cn=member,ou=moved,ou=cork,{alone.base}"
        eventually(lambda: team in alone.entries() and len(alone.members(team)) == len(FOUR))
        eventually(lambda: "/bolt/core" not in alone.groups())
        assert len(alone.groups()["/cork/moved/member"]["members"]) == len(FOUR)
        assert daemon.records("runs whole")

        alone.write(_moved(text_of(acme=FOUR, bolt=FOUR, cork=PEOPLE)))
        eventually(lambda: held(alone, "acme") == (4, 4))
        _tells_of_parts(alone, daemon)
        assert daemon.end() == 0
    *runs, first = _runs(alone)
    assert first["trigger"] == "apply"
    assert {run["part"] for run in runs} == {"", *PARTS}
    assert _overlaps(runs) == []
    assert alone.cli("plan", "acme", "--detailed-exitcode").code == 0


def test_killed_in_the_run_of_a_root_unit_the_next_daemon_makes_it_true_at_once(alone: Site) -> None:
    alone.write(text_of(acme=FOUR, bolt=FOUR, cork=FOUR[:3]))
    Serving(alone, [sys.executable, str(KILLER), "1", "after", *alone.command("daemon")[3:]]).await_kill()
    assert {run["part"] for run in _runs(alone) if not run["finished"]} >= {"/cork"}
    with serving(alone) as daemon:
        eventually(lambda: held(alone, "cork") == (3, 3))
        _tells_of_parts(alone, daemon)
        assert daemon.end() == 0
    assert alone.cli("plan", "acme", "--detailed-exitcode").code == 0


def _runs(site: Site) -> list[dict[str, Any]]:
    """The newest first."""
    found: list[dict[str, Any]] = site.cli(*RUNS).ok().json["runs"]
    return found


def _moved(text: str) -> str:
    """The team of one root unit, in another one."""
    (team,) = re.findall(r"  bolt: {teams: {core: {(.*)}}}\n", text)
    left = text.replace(f"  bolt: {{teams: {{core: {{{team}}}}}}}", "  bolt: {}")
    return left.replace("  cork: {teams: {", f"  cork: {{teams: {{moved: {{formerly: /bolt/core, {team}}}, ")


def _tells_of_parts(site: Site, daemon: Serving) -> None:
    """Status, readiness and metrics say that all is well since the last of the parts."""
    with closing(App(load(site.config))) as app:
        row, runs, checks, metrics = eventually(lambda: _of_one_moment(site, app, daemon))
    assert (row["reason"], row["behind"], row["pending"], row["held"]) == ("well", [], 0, 0)
    assert row["last_success"] == _last_of_parts(runs)
    assert checks["last run of acme"] == {"status": "ok", "detail": ""}
    for quiet in ("stopped", "held", "queue_depth"):
        assert re.search(rf'^syncd_{quiet}({{mapping="acme"}})? 0.0$', metrics, re.MULTILINE), quiet


def _of_one_moment(site: Site, app: App, daemon: Serving) -> tuple[Any, ...] | None:
    """Status, runs, checks and metrics between two moments at which no run was under way, none in between.

    What a look finds of the writes before may have everything run once more.
    """
    before = app.runs()
    if not _settled(app, daemon):
        return None
    (row,) = site.cli("--output", "json", "status").ok().json["mappings"]
    found = row, _runs(site), daemon.checks(), daemon.get("/metrics")[1]
    return found if _settled(app, daemon) and app.runs() == before else None


def _settled(app: App, daemon: Serving) -> bool:
    """Whether every run has ended and none waits, and metrics say what the store does."""
    (row,), runs, metrics = app.status(), app.runs(), daemon.get("/metrics")[1]
    told = re.search(SUCCESS, metrics, re.MULTILINE)
    return (
        (row.reason, row.behind) == ("well", ())
        and all(run.finished for run in runs[: len(PARTS)])
        and row.last_success == _last_of_parts([asdict(run) for run in runs])
        and "\nsyncd_queue_depth 0.0\n" in metrics
        and told is not None
        and float(told[1]) == datetime.fromisoformat(row.last_success).timestamp()
    )


def _last_of_parts(runs: list[dict[str, Any]]) -> str:
    """When the newest run of the part began that ran longest ago; one of the whole is one of each."""
    newest: dict[str, str] = {}
    for run in runs:
        for part in [run["part"]] if run["part"] else PARTS:
            newest.setdefault(part, run["started"])
    return min(newest.values())


def _overlaps(runs: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Runs that were under way at once and must not be: of one part, or of the whole and anything."""
    return [
        (one["id"], other["id"])
        for one, other in combinations(runs, 2)
        if (one["part"] == other["part"] or not one["part"] or not other["part"])
        and one["started"] < other["finished"]
        and other["started"] < one["finished"]
    ]
