"""A mapping whose root units run apart: every order, with kills between, ends where one whole run does."""

from __future__ import annotations

import tempfile
import threading
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.app import App, connections
from syncd.errors import Busy, NotApart
from syncd.model import Account, Kind
from syncd.settings import load
from syncd.targets.memory import CrashedError, Faults, MemoryTarget
from tests.no_server import configure

if TYPE_CHECKING:
    from collections.abc import Mapping

FREE = "removals: {per_day: 100%, at_least: 100, at_most: 100}, grants: {per_run: 100%, at_least: 100}"
STRICT = "removals: {per_day: 10%, at_least: 1, at_most: 50}"
PEOPLE = ("ann", "ben", "cleo", "dan", "eve")
ROOTS = ("a", "b", "c")
World = dict[str, dict[str, set[str]]]  # root unit → team → who is in it


def text_of(world: Mapping[str, Mapping[str, set[str]]], policy: str = FREE) -> str:
    lines = [
        "syncd: 1",
        f"policy: {{split: root_unit, delete_units: delete, {policy}}}",
        "kinds: {organization: {}, team: {within: organization}}",
        "roles: {member: {}}",
        "organizations:",
    ]
    for root, teams in world.items():
        held = "".join(
            f"{team}: {{members: {{member: [{', '.join(sorted(who))}]}}}}, " for team, who in teams.items()
        )
        lines.append(f"  {root}: {{teams: {{{held}}}}}")
    return "\n".join(lines) + "\n"


class Watched(MemoryTarget):
    """One that several runs use at once, and that notes where each part writes."""

    def __init__(self) -> None:
        accounts = [Account("keycloak", f"id-{name}", name, f"{name}@a.example", True) for name in PEOPLE]
        super().__init__("keycloak", marker="test/acme", accounts=accounts)
        self.guard, self.tops = threading.RLock(), list[str]()

    def read(self, scope):
        with self.guard:
            return super().read(scope)

    def apply(self, changes, natives):
        for change in changes:
            with self.guard:
                self.tops.append(change.key.place[0])
                outcome = self._one(change, natives)
            yield outcome


class Site:
    """A configuration of one mapping over a Keycloak in memory; some run of the whole was confirmed."""

    def __init__(self, world: World) -> None:
        self.folder = Path(tempfile.mkdtemp())
        configure(self.folder)
        self.target = Watched()
        self.write(text_of(world))
        with self.app() as app:
            app.db_upgrade()
            assert app.apply("acme", None, confirmed=True, actor="ann").exit_code == 0
        self.target.tops.clear()

    def write(self, text: str) -> None:
        (self.folder / "acme.yaml").write_text(text, encoding="utf-8")

    def app(self) -> Opened:
        return Opened(self)

    def run(self, part: str):
        with self.app() as app:
            self.target.tops.clear()
            return app.apply("acme", None, confirmed=False, actor="daemon", part=part)

    def owned(self) -> set:
        with self.app() as app:
            return {row.key for row in app._db.owned("acme", "keycloak")}


class Opened:
    def __init__(self, site: Site) -> None:
        self._patch = patch.object(connections, "target", lambda *_, **__: site.target)
        self._app = App(load(site.folder / "syncd.yaml"))

    def __enter__(self) -> App:
        self._patch.start()
        return self._app

    def __exit__(self, *_: object) -> None:
        self._patch.stop()
        self._app.close()


teams = st.dictionaries(
    st.sampled_from(("x", "y")), st.sets(st.sampled_from(PEOPLE), min_size=1, max_size=3), max_size=2
)
worlds = st.dictionaries(st.sampled_from(ROOTS), teams, min_size=1, max_size=3)


@settings(max_examples=12, deadline=None)
@given(
    before=worlds,
    after=worlds,
    order=st.permutations(("/", "/a", "/b", "/c")),
    kills=st.lists(
        st.tuples(st.sampled_from(("/", "/a", "/b", "/c")), st.integers(1, 4), st.booleans()), max_size=3
    ),
)
def test_parts_in_any_order_with_kills_between_end_where_one_whole_run_does(before, after, order, kills):
    apart, whole = Site(before), Site(before)
    for site in (apart, whole):
        site.write(text_of(after))
    with whole.app() as app:
        assert app.apply("acme", None, confirmed=False, actor="daemon").exit_code == 0
    parts = [part for part in order if part == "/" or part[1:] in after]
    for part, at, late in kills:
        if part in parts:
            number = apart.target.writes + at
            apart.target.faults = Faults(crash_after=number) if late else Faults(crash_before=number)
            with suppress(CrashedError):
                apart.run(part)
            apart.target.faults = Faults()
    for part in parts:
        assert apart.run(part).exit_code == 0
        wrote = set(apart.target.tops)
        assert wrote <= ({part[1:]} if part != "/" else set(ROOTS) - set(after))
    assert apart.target.facts.keys() == whole.target.facts.keys()
    with apart.app() as app:
        plan = app.plan("acme")
    assert [(one.changes, one.held) for one in plan.plans] == [((), ())] or not plan.changes + plan.held
    keys = {key for key in apart.target.facts if key.kind is not Kind.MEMBER}
    assert keys <= apart.owned()


def test_parts_at_once_lose_no_row_of_the_ledger_and_meet_nobody_twice():
    before: World = {root: {} for root in ROOTS}
    after: World = {root: {team: set(PEOPLE) for team in ("x", "y")} for root in ROOTS}
    site = Site(before)
    site.write(text_of(after))
    codes: dict[str, int] = {}
    with patch.object(connections, "target", lambda *_, **__: site.target):

        def run(part: str) -> None:
            app = App(load(site.folder / "syncd.yaml"))
            codes[part] = app.apply("acme", None, confirmed=False, actor="daemon", part=part).exit_code
            app.close()

        threads = [threading.Thread(target=run, args=(f"/{root}",)) for root in ROOTS]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert codes == {f"/{root}": 0 for root in ROOTS}
    rows = site.owned()
    assert len([key for key in rows if key.kind is Kind.MEMBER]) == len(ROOTS) * 2 * len(PEOPLE)
    with site.app() as app:
        assert len(app._db.persons()) == len(PEOPLE)
        assert app.plan("acme").changes == 0


def test_a_limit_stops_the_root_unit_that_goes_beyond_it_and_no_other():
    before: World = {root: {"x": set(PEOPLE)} for root in ROOTS}
    site = Site(before)
    after: World = {"a": {"x": {"ann"}}, "b": {"x": set(PEOPLE) - {"eve"}}, "c": {"x": set(PEOPLE)}}
    site.write(text_of(after, STRICT))
    with site.app() as app:
        assert app.parts("acme") == ("/a", "/b", "/c")
    assert site.run("/").exit_code == 0
    assert [site.run(f"/{root}").exit_code for root in ROOTS] == [3, 0, 0]
    with site.app() as app:
        (kept,) = [plan for plan in app.plans() if plan.state == "pending"]
        app.approve(kept.id, "ann")
    assert [site.run(f"/{root}").exit_code for root in ROOTS] == [0, 0, 0]


def test_the_whole_keeps_parts_out_and_they_keep_it_out():
    site = Site({root: {} for root in ROOTS})
    with site.app() as app:
        ttl = timedelta(minutes=1)
        with app._db.lease("acme", "one", ttl, "/a"), app._db.lease("acme", "two", ttl, "/b"):
            with pytest.raises(Busy, match="acme/a is being worked on by one"):
                site.run("/a")
            with pytest.raises(Busy, match="by one"), app._db.lease("acme", "whole", ttl):
                pass
            with pytest.raises(Busy, match="waits for its turn"):
                site.run("/c")
        with app._db.lease("acme", "whole", ttl), pytest.raises(Busy, match="by whole"):
            site.run("/c")
        assert site.run("/c").exit_code == 0


def test_a_unit_that_goes_to_another_root_unit_is_left_to_a_run_of_the_whole():
    site = Site({"a": {"x": {"ann"}}, "b": {}})
    moved = text_of({"a": {}, "b": {"x": {"ann"}}}).replace("x: {", "x: {formerly: /a/x, ")
    site.write(moved)
    for part in ("/", "/a", "/b"):
        with pytest.raises(NotApart):
            site.run(part)
    with site.app() as app:
        assert app.apply("acme", None, confirmed=False, actor="daemon").exit_code == 0
        site.write(text_of({"a": {}, "b": {"x": {"ann"}}}))
    assert [site.run(part).exit_code for part in ("/", "/a", "/b")] == [0, 0, 0]


def test_an_approved_plan_of_a_root_unit_accepts_no_policy_and_no_roster_for_the_others():
    site = Site({root: {"x": set(PEOPLE)} for root in ROOTS})
    site.write(text_of({"a": {"x": {"ann"}}, "b": {"x": set(PEOPLE)}, "c": {"x": set(PEOPLE)}}, STRICT))
    with site.app() as app:
        accepted = app._db.accepted_policy("acme")
    kept: list[bool] = []
    with patch("syncd.app.rosters.Sources.keep", lambda *_, approved, **__: kept.append(approved)):
        assert site.run("/a").exit_code == 3
        with site.app() as app:
            (plan,) = [one for one in app.plans() if one.state == "pending"]
            app.approve(plan.id, "ann")
        assert [site.run(part).exit_code for part in ("/a", "/b", "/")] == [0, 0, 0]
    assert kept == []
    with site.app() as app:
        assert app._db.accepted_policy("acme") == accepted
