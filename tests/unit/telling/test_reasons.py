"""Which reason a run leaves, and that each change of it is told once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.errors import Busy, MappingInvalid, Place, Problem, StoreError, Unreachable, UsageError
from syncd.model import Change, Held, Key, Kind, Op, Outcome, Plan, Result, RunPlan, RunReport, Stop
from syncd.reasons import (
    EVENTS,
    PERIODS,
    SETTINGS,
    SLOW,
    Kept,
    Reason,
    State,
    event,
    judged,
    left_alone,
    of_error,
    of_report,
    of_settings,
    together,
)
from syncd.schedule import rhythm_of

START = datetime(2026, 11, 25, 8, tzinfo=UTC)
AFTER = timedelta(minutes=5)
GROUP = Change(Op.CREATE, Key(Kind.GROUP, ("acme",)))
STOP = Stop("removals", 40, 10, "40 memberships would be gone", removals_only=True)
PLAN = {"plan": "0123456789ab"}
BROKEN = Problem(Place("acme/units.yaml", 12, 3), "teams.dsi", "unknown role")


def waiting(*reasons: str) -> list[Held]:
    return [Held(GROUP, reason, "") for reason in reasons]


def report(code: int, *held: str, result: Result = Result.DONE, **more: Any) -> RunReport:
    plans = [Plan("keycloak", [GROUP], waiting(*held))]
    plan = RunPlan("acme", "test", "0123456789abcdef", plans, **more)
    return RunReport("r-1", plan, [Outcome(GROUP, result)], code, "")


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (report(0), Reason()),
        (report(0, "person", "needed", "mode"), Reason()),
        (report(3, stops=(STOP,), mode="simulate"), None),  # that is what somebody wanted
        (report(4, mode="simulate", failed={"ldap": "no connection"}), Reason(State.FAILING, ("ldap",))),
        (report(0, only="/acme"), None),
        (
            report(0, "adoption", "person", "adoption", "drift"),
            Reason(State.HELD, ("adoption", "drift"), {**PLAN, "adoption": "2", "drift": "1"}),
        ),
        (report(0, policy_waiting=("removals",)), Reason(State.HELD, ("policy",), {**PLAN, "policy": "1"})),
        (report(3, "adoption", stops=(STOP,)), Reason(State.STOPPED, ("removals",), PLAN)),
        (report(0, stops=(STOP,)), Reason()),  # approved
        (report(4, stops=(STOP,), failed={"ldap": "no connection"}), Reason(State.FAILING, ("ldap",))),
        (report(1, result=Result.REFUSED), Reason(State.FAILING, ("keycloak",))),
    ],
)  # fmt: skip
def test_a_run_leaves_the_worst_of_what_it_met(found: RunReport, reason: Reason) -> None:
    assert of_report(found) == reason


def test_what_a_server_did_not_take_is_told_by_its_number_and_not_by_names() -> None:
    assert of_report(report(1, result=Result.REFUSED)).detail == "keycloak: 1 changes were not written"


@pytest.mark.parametrize(
    ("error", "reason", "detail"),
    [
        (Busy("somebody else works on it"), None, ""),
        (Unreachable("ldap", "no answer", "up?"), Reason(State.FAILING, ("ldap",)), "ldap: no answer; up?"),
        (StoreError("no space left"), Reason(State.FAILING, ("syncd",)), "no space left"),
        (
            MappingInvalid([Problem(Place("a.yaml"), "x", "old", severity="warning"), BROKEN]),
            Reason(State.INVALID, ("acme/units.yaml",), {"place": "acme/units.yaml:12:3"}),
            "teams.dsi: unknown role",
        ),
    ],
)  # fmt: skip
def test_a_run_that_did_not_come_about_has_its_reason(error, reason, detail) -> None:
    found = of_error(error)
    assert found == reason
    assert found is None or found.detail == detail


# --- told once ----------------------------------------------------------------------------------------

REASONS = [
    Reason(),
    Reason(State.HELD, ("adoption",)),
    Reason(State.STOPPED, ("removals",), {"plan": "1"}),
    Reason(State.STOPPED, ("removals",), {"plan": "2"}),
    Reason(State.STOPPED, ("grants",)),
    Reason(State.FAILING, ("keycloak",)),
    Reason(State.FAILING, ("keycloak", "ldap")),
    Reason(State.INVALID, ("a.yaml",), {"place": "a.yaml:1:1"}),
    Reason(State.STALE),
]
STEPS = st.lists(
    st.tuples(st.sampled_from(REASONS), st.integers(0, 600)), min_size=1, max_size=30
)  # what a run found, seconds after the one before


def told(steps, wanted=lambda _state: True, after=AFTER) -> tuple[list[tuple[datetime, Reason]], Kept]:
    kept, now, found = None, START, []
    for reason, seconds in steps:
        now += timedelta(seconds=seconds)
        kept, tells = judged(kept, reason, now, after, wanted)
        found += [(now, tells)] if tells is not None else []
    return found, kept


@given(st.sampled_from(REASONS[1:]), st.integers(1, 20))
def test_however_many_runs_end_the_same_it_is_told_once(reason: Reason, runs: int) -> None:
    found, kept = told([(reason, 301)] * (runs + 1))
    assert [one for _, one in found] == [reason]
    assert kept.is_told


@given(STEPS)
def test_what_is_told_differs_from_what_was_told_before_and_begins_with_something_wrong(steps) -> None:
    found = [one for _, one in told(steps)[0]]
    assert not any(one.same(next_) for one, next_ in pairwise(found))
    assert not found or found[0].state is not State.WELL


@given(STEPS)
def test_what_is_often_over_by_the_next_run_is_told_only_once_it_lasted(steps) -> None:
    moments = dict(told(steps)[0])
    now, since, state = START, START, None
    for reason, seconds in steps:
        now += timedelta(seconds=seconds)
        if reason.state is not state:
            since, state = now, reason.state
        if state in SLOW and now in moments and moments[now] is reason:
            assert now - since >= AFTER


@given(st.lists(st.integers(0, 299), min_size=1, max_size=20))
def test_a_server_that_comes_and_goes_within_minutes_tells_nobody(pauses: list[int]) -> None:
    away = REASONS[5]
    steps = [step for seconds in pauses for step in ((away, seconds), (Reason(), seconds))]
    assert told(steps)[0] == []


@given(STEPS)
def test_at_the_end_of_all_trouble_all_is_well_for_whoever_was_told(steps) -> None:
    found, kept = told([*steps, (Reason(), 0)])
    assert not found or found[-1][1].state is State.WELL
    assert kept.told.state is State.WELL


@given(STEPS)
def test_what_nobody_wants_to_hear_of_is_never_told_and_keeps_nothing_else_from_being_told(steps) -> None:
    only = [one for _, one in told(steps, lambda state: state is State.STOPPED)[0]]
    assert {one.state for one in only} <= {State.STOPPED}
    assert bool(only) == any(reason.state is State.STOPPED for reason, _ in steps)


@given(st.sampled_from(REASONS))
def test_every_reason_is_an_event_that_can_be_named(reason: Reason) -> None:
    assert event("acme", reason.state) in EVENTS


@pytest.mark.parametrize(
    ("error", "reason", "said"),
    [
        (None, Reason(), "settings.recovered"),
        (MappingInvalid([BROKEN]), of_error(MappingInvalid([BROKEN])), "settings.invalid"),
        (
            UsageError("syncd.yaml does not exist."),
            Reason(State.INVALID, ("syncd.yaml",), {"place": "syncd.yaml"}),
            "settings.invalid",
        ),
    ],
)
def test_syncd_yaml_has_its_reason_and_its_events(error, reason: Reason, said: str) -> None:
    found = of_settings(error)
    assert found == reason
    assert event(SETTINGS, found.state) == said
    assert said in EVENTS


# --- left alone ---------------------------------------------------------------------------------------

HOURLY = rhythm_of("0 * * * *", "UTC")
TOLD_STOPPED = Kept(REASONS[2], START, REASONS[2], START)


@pytest.mark.parametrize(
    ("kept", "ended", "looked_since", "is_told"),
    [
        (None, -PERIODS, -9, True),
        (None, -PERIODS + 1, -9, False),
        (None, -9, 0, False),  # who has only begun to look lets a run make up for what was missed
        (Kept(Reason(), START), -9, -9, True),
        (Kept(REASONS[5], START), -9, -9, True),  # not told yet, and nobody is left who would
        (TOLD_STOPPED, -9, -9, False),
    ],
)
def test_a_mapping_of_which_no_run_ends_is_told(kept, ended, looked_since, is_told) -> None:
    def hours(count: int) -> datetime:
        return START + timedelta(hours=count)

    found = left_alone(kept, hours(ended), HOURLY, hours(looked_since), START)
    assert (found is not None) == is_told
    assert found is None or found.state is State.STALE


def test_a_mapping_in_parts_is_as_the_worst_of_them_and_names_every_root_unit_that_a_limit_stops() -> None:
    stopped = Reason(State.STOPPED, ("removals",), PLAN, "40 memberships would be gone")
    held = Reason(State.HELD, ("drift",), {**PLAN, "drift": "2"})
    found = {"/": Reason(), "/a": stopped, "/b": held, "/c": stopped}
    worst = together(found)
    assert (worst.state, worst.names) == (State.STOPPED, ("/a removals", "/c removals"))
    assert worst.detail == "/a: 40 memberships would be gone\n/c: 40 memberships would be gone"
    assert together({"/": held, "/b": held}) == Reason(State.HELD, ("drift",), {**PLAN, "drift": "4"})
    assert together({"/": Reason(), "/b": Reason()}) == Reason()


def test_what_one_part_finds_is_not_over_because_another_one_is_well() -> None:
    stopped = Reason(State.STOPPED, ("removals",), PLAN)
    parts, kept, told = {"/": Reason(), "/a": stopped, "/b": Reason()}, None, []
    for _ in range(3):
        for part, reason in (("/", Reason()), ("/b", Reason()), ("/a", stopped)):
            kept, said = judged(kept, together({**parts, part: reason}), START, AFTER, lambda _: True)
            told += [said] if said else []
    assert [one.state for one in told] == [State.STOPPED]
    kept, said = judged(kept, together({**parts, "/a": Reason()}), START, AFTER, lambda _: True)
    assert said is not None
    assert said.state is State.WELL
