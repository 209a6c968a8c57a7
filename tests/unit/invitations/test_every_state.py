"""Every state meets every event, and the program ends before and after each commit and call that follow.

A state is one that an invitation got into by its life in the world, mails and accounts included. After the
crash time goes by and runs follow: everything is as it is without the crash. The event itself is one
transaction, so that it happened or not; the run that follows it is what can end half way.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta

import pytest

from syncd import invitations
from syncd.acts import InvitationState
from tests.unit.invitations.build import ALL_NOTICES, DAY, HOUR, MINUTE, RULES, S, invitation
from tests.unit.invitations.world import Account, Answer, World

EVERYTHING = replace(RULES, voids_previous=True, notify=ALL_NOTICES, reminders=(3 * DAY,))


def requested() -> World:
    it = invitation(S.REQUESTED, attempt=0, account="", made_account=False)
    return World(EVERYTHING, it)


def sending() -> World:
    """The mail left, and the program ended before it could write so."""
    for tick in range(1, 20):
        world = requested()
        if world.run_into(tick) and world.record.state is S.SENDING and world.events:
            return world
    raise AssertionError("no tick lies between the mail and the commit after it")


def sent() -> World:
    world = requested()
    world.run()
    world.now += HOUR
    return world


def failed() -> World:
    world = requested()
    world.answers = [Answer.REFUSED]
    world.run()
    return world


def expired() -> World:
    world = sent()
    world.now += 11 * DAY
    world.run()
    return world


def accepted() -> World:
    world = sent()
    world.follow()
    world.run()
    return world


def ended(change: Callable[..., object]) -> Callable[[], World]:
    def world() -> World:
        found = sent()
        assert found.end(change)  # type: ignore[arg-type]  # either of the two acts
        return found

    return world


STATES: dict[InvitationState, Callable[[], World]] = {
    S.REQUESTED: requested,
    S.SENDING: sending,
    S.SENT: sent,
    S.FAILED: failed,
    S.EXPIRED: expired,
    S.ACCEPTED: accepted,
    S.CANCELLED: ended(invitations.cancel),
    S.DECLINED: ended(invitations.decline),
}


def wait(span: timedelta) -> Callable[[World], None]:
    def event(world: World) -> None:
        world.now += span

    return event


def answers(*found: Answer) -> Callable[[World], None]:
    """An operator asks for another mail where that is possible; the next ones have these outcomes."""

    def event(world: World) -> None:
        world.resend()
        world.answers = list(found)

    return event


def delete_by_hand(world: World) -> None:
    world.account, world.gone_by_hand = None, True


def register(world: World) -> None:
    delete_by_hand(world)
    world.account = Account("b1", syncd=False, pending=False, credential=True)


def disable(world: World) -> None:
    if world.account:
        world.account.enabled = False


def give_more(world: World) -> None:
    if world.account:
        world.account.edge = True


def unwanted(world: World) -> None:
    world.wanted = False


def refuse_the_account(world: World) -> None:
    delete_by_hand(world)
    world.refusals = 1
    world.resend()


EVENTS: dict[str, Callable[[World], object]] = {
    "nothing": lambda _world: None,
    "an hour": wait(HOUR),
    "the day of the reminder": wait(8 * DAY),
    "the time is over": wait(11 * DAY),
    "the invitee accepts": World.follow,
    "the invitee declines": lambda world: world.end(invitations.decline),
    "an act cancels": lambda world: world.end(invitations.cancel),
    "nobody wants it": unwanted,
    "a resend": World.resend,
    "a resend that is refused": answers(Answer.REFUSED),
    "a resend whose answer is lost": answers(Answer.LOST),
    "a resend that is never heard": answers(Answer.UNHEARD),
    "the account is deleted": delete_by_hand,
    "the account is refused": refuse_the_account,
    "the account is disabled": disable,
    "the account gets more": give_more,
    "the person registers": register,
}


def outcome(world: World) -> tuple[object, ...]:
    account = world.account and replace(world.account, id="")
    return world.record.state, account, world.record.made_account, sorted(world.notices)


def after(begun: World, event: Callable[[World], object]) -> World:
    world = deepcopy(begun)
    event(world)
    return world


def test_each_state_is_what_it_is_called() -> None:
    assert {state: begin().record.state for state, begin in STATES.items()} == {one: one for one in S}


@pytest.mark.parametrize("state", list(STATES))
@pytest.mark.parametrize("name", list(EVENTS))
def test_a_crash_before_or_after_any_commit_changes_nothing_in_the_end(
    name: str, state: InvitationState
) -> None:
    begun = STATES[state]()
    calm = after(begun, EVENTS[name])
    calm.heal()
    expected, mails = outcome(calm), len(calm.mails)
    crash = 0
    while True:
        world = after(begun, EVENTS[name])
        crash += 1
        if not world.run_into(crash):
            break
        world.now += MINUTE
        world.heal()
        assert outcome(world) == expected, f"crash at tick {crash}"
        assert len(world.mails) == mails, f"crash at tick {crash}"
        assert world.windows == 0
