"""A mapping whose root units run apart, by two daemons on one PostgreSQL, on real servers."""

from __future__ import annotations

import signal
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from syncd.app import App
from syncd.settings import load
from tests.system.test_daemon import NEVER, eventually, serving

if TYPE_CHECKING:
    from deploy.local.servers import Postgres
    from tests.system.site import Site

pytestmark = pytest.mark.live

PEOPLE = [f"{name}@acme.example" for name in ("ann.ashe", "bob.beau", "carla.cid", "dan.duval", "eve.eluard")]
POLICY = "policy: {split: root_unit, removals: {per_day: 10%, at_least: 1, at_most: 50}}\n"
ROOTS = ("acme", "bolt", "cork")
AN_HOUR = timedelta(hours=1)


def text_of(**members: list[str]) -> str:
    units = "".join(
        f"  {root}: {{teams: {{core: {{members: {{member: [{', '.join(who)}]}}}}}}}}\n"
        for root, who in members.items()
    )
    people = "".join(
        f"  {one}: {{given_name: {one.split('.')[0].title()}, family_name: Example}}\n" for one in PEOPLE
    )
    return (
        f"syncd: 1\n{POLICY}invitations: {{unknown: create}}\npeople:\n{people}organizations:\n{units}"
        'keycloak: {group: "/{path}/{role}", unit_group: "/{path}"}\nldap: {people: manage}\n'
    )


def held(site: Site, root: str) -> tuple[int, int]:
    """How many are in the team of a root unit, in Keycloak and in the directory."""
    groups = site.groups()
    group = f"cn=member,ou=core,ou={root},{site.base}"
    return len(groups[f"/{root}/core/member"]["members"]), len(site.members(group))


@pytest.fixture
def apart(site: Site, postgres_server: Postgres) -> Site:
    """Three root units with the same people, applied; its store is on PostgreSQL."""
    site.config.write_text(site.config.read_text() + NEVER)
    site.keep_in(postgres_server.fresh_database())
    site.write(text_of(acme=PEOPLE[:4], bolt=PEOPLE[:4], cork=PEOPLE[:4]))
    site.apply().ok()
    return site


def test_a_limit_stops_one_root_unit_while_the_others_go_on(apart: Site) -> None:
    with serving(apart) as one, serving(apart) as other:
        apart.write(text_of(acme=PEOPLE[:1], bolt=PEOPLE[:3], cork=PEOPLE))
        eventually(lambda: (held(apart, "bolt"), held(apart, "cork")) == ((3, 3), (5, 5)))
        status = eventually(lambda: next((row for row in _status(apart) if _is_stopped(row)), None))
        assert held(apart, "acme") == (4, 4)
        assert [about.split()[0] for about in status["about"]] == ["/acme"]
        (plan,) = [
            row
            for row in apart.cli("--output", "json", "plans", "list").json["plans"]
            if row["state"] == "pending"
        ]
        apart.cli("plans", "approve", plan["id"]).ok()
        one.signal(signal.SIGUSR1)
        eventually(lambda: held(apart, "acme") == (1, 1))
        eventually(lambda: _status(apart)[0]["reason"] == "well")
        assert (one.end(), other.end()) == (0, 0)
    runs = apart.cli("--output", "json", "runs", "list", "--limit", "10000").json["runs"]
    assert {run["part"] for run in runs} >= {"/", "/acme", "/bolt", "/cork"}
    assert apart.cli("plan", "acme", "--detailed-exitcode").code == 0


def test_a_run_by_hand_and_the_runs_of_parts_keep_each_other_out(apart: Site) -> None:
    app = App(load(apart.config))
    with app._db.lease("acme", "a part", AN_HOUR, "/bolt"):
        refused = apart.apply()
        assert refused.code == 75
        assert "a part" in refused.err
    with serving(apart) as daemon:
        with app._db.lease("acme", "by hand", AN_HOUR):
            apart.write(text_of(acme=PEOPLE[:4], bolt=PEOPLE[:4], cork=PEOPLE))
            eventually(lambda: daemon.records("somebody else works on it"))
            assert held(apart, "cork") == (4, 4)
        daemon.signal(signal.SIGUSR1)
        eventually(lambda: held(apart, "cork") == (5, 5))
        assert daemon.end() == 0
    app.close()


def _is_stopped(row: dict[str, object]) -> bool:
    """As it is once every other part has ended too."""
    return (row["reason"], row["behind"]) == ("stopped", ["/acme"])


def _status(site: Site) -> list[dict[str, object]]:
    found: list[dict[str, object]] = site.cli("--output", "json", "status").json["mappings"]
    return found
