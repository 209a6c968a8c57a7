"""One mail for one invitation, whatever crashes: the process dies at every call of the whole story."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.live.directory.crashing import RULES, Point, Story, empty_store

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from syncd.invitations import Rules
    from tests.live.directory.world import World

pytestmark = pytest.mark.live

MOMENTS = ("before", "after")
CHANGES = frozenset(
    {
        "add",
        "save",
        "change",
        "note_send",
        "save_persons",
        "create",
        "remake",
        "delete",
        "set_mail_attributes",
        "clear_mail_attributes",
        "send_actions",
    }
)
ORIGINS = pytest.mark.parametrize("declared", [True, False], ids=["a file names them", "somebody asked"])


@dataclass(frozen=True)
class Tally:
    """Cases by how many mails the person got, and how many crashes there were."""

    cases: int
    crashes: int
    doubles: Sequence[str]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store without anything in it."""
    return empty_store(tmp_path_factory.mktemp("stores"))


def calls_of(world: World, empty: Path, declared: bool) -> list[str]:
    """Every call of a story without a crash."""
    story = Story.begun(world, empty, declared).until_accepted()
    assert (len(story.mails), story.crashes) == (1, [])
    story.check()
    return story.calls.made


def around(calls: Sequence[str], names: Collection[str]) -> list[Point]:
    """Before and after every call of these names."""
    numbers = [number for number, name in enumerate(calls, 1) if name in names]
    return [Point(number, moment) for number in numbers for moment in MOMENTS]


def around_the_mail(calls: Sequence[str]) -> list[Point]:
    """Before and after every call from the count of the first mail to the note that it left."""
    first, mailed = calls.index("note_send"), calls.index("send_actions")
    numbers = range(first + 1, calls.index("save", mailed) + 2)
    return [Point(number, moment) for number in numbers for moment in MOMENTS]


def pairs(calls: Sequence[str], count: int, seed: int) -> list[tuple[Point, ...]]:
    """Two crashes in one story, by chance."""
    chance = random.Random(seed)
    points = around(calls, calls)
    return [tuple(sorted(chance.sample(points, 2))) for _ in range(count)]


def told(world: World, empty: Path, declared: bool, cases: Sequence[tuple[Point, ...]]) -> Tally:
    """Tell the story once for each case; each has its one account, made once."""
    before = accounts_made(world)
    crashes, doubles = 0, []
    for fatal in cases:
        story = Story.begun(world, empty, declared, fatal).until_accepted()
        assert story.mails, story.crashes
        story.check()
        crashes += len(story.crashes)
        if len(story.mails) > 1:
            doubles.append(f"{len(story.mails)} mails: {story.crashes}")
    made, deleted = accounts_made(world)
    assert (made - before[0], deleted - before[1]) == (len(cases), 0)
    return Tally(len(cases), crashes, doubles)


def accounts_made(world: World) -> tuple[int, int]:
    """How many accounts Keycloak ever made and deleted in this realm."""
    made, deleted = (
        world.admin.get("admin-events", operationTypes=kind, resourceTypes="USER", max=100_000)
        for kind in ("CREATE", "DELETE")
    )
    return len(made), len(deleted)


@ORIGINS
def test_a_crash_around_the_mail_leaves_one_mail_one_account_and_one_membership(
    world: World, empty: Path, declared: bool
) -> None:
    calls = calls_of(world, empty, declared)
    chance = random.Random(1)
    sending = around_the_mail(calls)
    others = chance.sample([point for point in around(calls, CHANGES) if point not in sending], 6)
    reads = chance.sample(around(calls, set(calls) - CHANGES), 2)
    singles = [(point,) for point in (*sending, *others, *reads)]
    tally = told(world, empty, declared, [*singles, *pairs(calls, 2, seed=1)])
    assert tally.cases == 20
    assert tally.crashes > tally.cases
    assert tally.doubles == []


@pytest.mark.full
@ORIGINS
def test_a_crash_at_any_call_leaves_one_mail_one_account_and_one_membership(
    world: World, empty: Path, declared: bool
) -> None:
    calls = calls_of(world, empty, declared)
    cases = [(point,) for point in around(calls, calls)]
    tally = told(world, empty, declared, cases)
    assert tally.crashes == tally.cases
    assert tally.doubles == []


@pytest.mark.full
@ORIGINS
def test_two_crashes_at_any_calls_leave_one_mail_one_account_and_one_membership(
    world: World, empty: Path, declared: bool
) -> None:
    calls = calls_of(world, empty, declared)
    tally = told(world, empty, declared, pairs(calls, 60, seed=2))
    assert tally.crashes > tally.cases
    assert tally.doubles == []


@pytest.mark.parametrize("most", [10, pytest.param(999, marks=pytest.mark.full)])
def test_only_a_mail_that_neither_answer_nor_event_shows_is_sent_twice(
    world: World, empty: Path, most: int
) -> None:
    calls = calls_of(world, empty, declared=False)

    def forget() -> None:
        assert world.admin.call("DELETE", "admin-events").ok

    sending = around_the_mail(calls)
    others = [point for point in around(calls, CHANGES) if point not in sending]
    doubled = []
    for point in [*sending, *others][:most]:
        story = Story.begun(world, empty, False, [point], on_crash=forget).until_accepted()
        story.check()
        assert len(story.mails) in (1, 2)
        if len(story.mails) == 2:
            doubled.append(point)
    mailed, noted = sending[-4].call, sending[-1].call
    assert (calls[mailed - 1], calls[noted - 1]) == ("send_actions", "save")
    assert doubled == [Point(mailed, "after"), Point(noted, "before")]


AGAIN = {
    "sent again": RULES,
    "sent again, the earlier link dead": replace(RULES, voids_previous=True),
    "reminded": replace(RULES, reminders=(timedelta(days=1),)),
}


@pytest.mark.parametrize("most", [4, pytest.param(999, marks=pytest.mark.full)])
@pytest.mark.parametrize("rules", AGAIN.values(), ids=list(AGAIN))
def test_a_crash_around_a_second_mail_leaves_one_mail_for_each_time(
    world: World, empty: Path, rules: Rules, most: int
) -> None:
    whole = Story.begun(world, empty, False, rules=rules)
    before = whole.until_mailed_again()
    assert len(whole.mails) == 2
    points = [point for point in around(whole.calls.made, CHANGES) if point.call > before]
    for point in random.Random(3).sample(points, min(most, len(points))):
        story = Story.begun(world, empty, False, [point], rules=rules)
        assert story.until_mailed_again() == before
        assert (len(story.mails), len(story.crashes)) == (2, 1), story.crashes
        story.until_accepted()
        story.check()
        assert len(story.mails) == 2


def mailed_twice_at_once(world: World, empty: Path, *fatal: Point) -> tuple[Story, int]:
    """Another mail is asked for in the moment in which the first one left; the calls before that."""
    story = Story.begun(world, empty, False, fatal)
    story.run()
    before = len(story.calls.made)
    story.ask_for_another()
    story.until_silent()
    return story, before


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_mail_asked_for_moments_after_the_first_is_proved_by_its_own_event_only(
    world: World, empty: Path, moment: str
) -> None:
    whole, before = mailed_twice_at_once(world, empty)
    sending = before + whole.calls.made[before:].index("send_actions") + 1
    story, _ = mailed_twice_at_once(world, empty, Point(sending, moment))
    assert (len(whole.mails), len(story.mails), len(story.crashes)) == (2, 2, 1)
    story.until_accepted()
    story.check()
