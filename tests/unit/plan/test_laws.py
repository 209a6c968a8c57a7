"""The laws of the core, over histories with foreign hands, renames and crashes.

The target is the memory target and the ledger a miniature of the store's; the rest is the real thing.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from syncd import plan
from syncd.model import Desired, Kind, Limits, Observation, Op
from tests.strategies import DRIFT, PEOPLE, REMOVALS, RENAMES, Setting, Step, Story, histories, steps

if TYPE_CHECKING:
    import random

# a number asks for a long search with new chance; without one it is short and always the same
EXAMPLES = int(os.environ.get("SYNCD_LAW_EXAMPLES", "0"))
PHASES = [
    Phase.explicit,
    Phase.generate,
    *([Phase.shrink] if os.environ.get("SYNCD_LAW_SHRINK") != "no" else []),
]
LAW = settings(
    max_examples=EXAMPLES or 50,
    deadline=None,
    derandomize=not EXAMPLES,
    database=None,
    phases=PHASES,
    suppress_health_check=list(HealthCheck),
)


def told(history: tuple[Setting, list[Step]], limits: Limits | None = None) -> Story:
    """The story of a history, with strangers looked after at every step."""
    setting, todo = history
    story = Story(setting, limits)
    for step in todo:
        story.do(step)
        story.check_strangers()
    return story


def shaped(story: Story) -> Desired:
    """What is wanted, as the target would store it."""
    desired = story.desired()
    return replace(desired, state=story.target.shape(desired.state))


@LAW
@given(histories())
def test_after_any_history_a_run_or_two_make_it_so_and_then_there_is_silence(
    history: tuple[Setting, list[Step]],
) -> None:
    story = told(history)
    story.settle()
    story.check_settled()
    story.check_strangers()


@LAW
@given(histories(faults=False))
def test_without_foreign_moves_one_run_is_enough(history: tuple[Setting, list[Step]]) -> None:
    setting, todo = history
    story = told((setting, [step for step in todo if not step.edit.startswith(("console", "foreign_group"))]))
    assert story.settle() == 0
    story.check_settled()


@LAW
@given(histories())
def test_an_empty_mapping_takes_away_all_that_is_ours_and_nothing_else(
    history: tuple[Setting, list[Step]],
) -> None:
    story = told(history)
    story.units = {}
    story.settle()
    story.check_settled()
    assert story.edges() == story.foreign_edges | story.by_hand
    kept = {story.native(key) for key in story.groups()}
    assert story.foreign_groups <= kept


@pytest.mark.parametrize("adopt", ["yes", "ask"])
@LAW
@given(
    history=histories(),
    claims=st.lists(steps(("want_by_hand",)), min_size=1, max_size=3),
    delete_units=st.sampled_from(["empty", "delete"]),
)
def test_access_that_is_not_wanted_any_more_is_revoked_always(
    history: tuple[Setting, list[Step]], claims: list[Step], delete_units: str, adopt: str
) -> None:
    setting, todo = history
    story = told((setting, [*todo, *claims]), Limits(adopt=adopt, delete_units=delete_units))
    story.settle()
    story.units = {}
    story.settle()
    ours = {
        (row.key.place, PEOPLE[row.key.item[0]])
        for row in story.runner.ledger.rows.values()
        if row.key.kind is Kind.MEMBER
    }
    assert not ours
    assert story.edges() == story.foreign_edges | story.by_hand


@LAW
@given(histories(faults=False), steps(RENAMES))
def test_a_rename_or_a_move_costs_no_membership(history: tuple[Setting, list[Step]], step: Step) -> None:
    story = told(history)
    story.settle()
    assume(not any(held.reason == "foreign" for held in story.run().held))
    before = story.edges()
    made = story.do(replace(step, fault="none", c=1))
    assume(story.done[-1] in RENAMES)
    assume(not any(change.op is Op.ADOPT for change in made.changes))
    assert {change.op for change in made.changes} <= {Op.MOVE, Op.UPDATE}
    assert not [change for change in made.changes if change.op is Op.UPDATE and change.writes]
    assert story.edges() == before
    story.settle()
    story.check_settled()


@LAW
@given(histories(), st.randoms(use_true_random=False), st.sampled_from(["yes", "ask", "never"]))
def test_a_plan_does_not_depend_on_the_order_of_what_goes_in(
    history: tuple[Setting, list[Step]], chance: random.Random, adopt: str
) -> None:
    story = told(history)
    limits = Limits(adopt=adopt, delete_units="delete", unlisted="remove")
    desired, rows = shaped(story), list(story.runner.ledger.rows.values())
    seen = story.runner.observe(desired)
    one = plan.make_plan("memory", desired, seen, rows, limits, "test/acme")

    def shuffled(mapping: object) -> dict[object, object]:
        items = list(mapping.items())  # type: ignore[attr-defined]  # any mapping will do
        chance.shuffle(items)
        return dict(items)

    chance.shuffle(rows)
    other_desired = Desired(shuffled(desired.state), shuffled(desired.origins))
    other_seen = Observation(shuffled(seen.state), shuffled(seen.natives), (), shuffled(seen.marks))
    other = plan.make_plan("memory", other_desired, other_seen, rows, limits, "test/acme")
    assert one == other
    assert plan.digest([one], []) == plan.digest([other], [])


@LAW
@given(
    histories(),
    st.builds(
        Limits,
        adopt=st.sampled_from(["yes", "ask", "never"]),
        unlisted=st.sampled_from(["report", "keep", "remove"]),
        drift=st.sampled_from(["revert", "report", "adopt"]),
        delete_units=st.sampled_from(["empty", "delete", "detach"]),
        additive=st.booleans(),
        protected=st.sampled_from([frozenset(), frozenset({min(PEOPLE), "/top/a"})]),
    ),
)
def test_nothing_of_the_difference_vanishes_it_goes_or_it_is_held(
    history: tuple[Setting, list[Step]], limits: Limits
) -> None:
    story = told(history)
    desired, rows = shaped(story), {row.key: row for row in story.runner.ledger.rows.values()}
    seen = story.runner.observe(desired)
    facts, moves = plan.settle(plan.Facts(desired, seen, rows, limits, "test/acme"))
    made = plan.make_plan("memory", desired, seen, list(rows.values()), limits, "test/acme")
    difference = Counter((change.op, change.key) for change in (*moves, *plan.diff(facts)) if change.writes)
    going = Counter((change.op, change.key) for change in made.changes if change.writes)
    held = {(held.change.op, held.change.key) for held in made.held}
    for (op, key), count in difference.items():
        assert going[op, key] == count or (op, key) in held or (Op.UPDATE, key) in held
    assert going.keys() <= difference.keys()


@LAW
@given(histories())
def test_no_wave_needs_itself_or_what_comes_later(history: tuple[Setting, list[Step]]) -> None:
    story = told(history)
    made, seen = story.runner.plan(story.desired())
    standing = set(seen.state)
    for move in (change for change in made.changes if change.old is not None):
        standing = {plan.moved(key, move.old, move.key) for key in standing}
    created = {change.key for change in made.changes if change.op is Op.CREATE}
    waves = plan.waves(made.changes)
    assert Counter(id(change) for wave in waves for change in wave) == Counter(map(id, made.changes))
    for wave in waves:
        places = [{change.key.place, change.old.place} for change in wave if change.old is not None]
        assert not [
            1 for one, other in combinations(places, 2) for a in one for b in other if a[: len(b)] == b
        ]
        for change in (one for one in wave if one.op is Op.CREATE):
            assert all(need in standing for need in change.key.needs() if need in created)
        standing |= {change.key for change in wave if change.op is Op.CREATE}
        gone = {change.key for change in wave if change.op is Op.DELETE}
        standing -= gone
        assert not [key for key in standing for need in key.needs() if need in gone]


def test_histories_are_worth_their_time() -> None:
    """At least these shares of histories hold what the laws are about."""
    seen: Counter[str] = Counter()

    @settings(LAW, max_examples=100)
    @given(histories())
    def sample(history: tuple[Setting, list[Step]]) -> None:
        story = told(history)
        seen["histories"] += 1
        for what, edits in {
            "removal": set(REMOVALS),
            "rename": set(RENAMES),
            "foreign edge": {"foreign_member", "put_by_hand", "want_by_hand"},
            "drift": set(DRIFT),
            "crash": {"crash"},
        }.items():
            seen[what] += not edits.isdisjoint(story.done)

    sample()
    shares = {what: round(count / seen["histories"], 2) for what, count in seen.items()}
    assert min(shares[what] for what in ("removal", "rename", "foreign edge", "drift")) >= 0.3, shares
    assert shares["crash"] >= 0.2, shares
