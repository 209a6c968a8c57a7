"""The program ends at every tick of every story, and every call that mails has every outcome.

After the crash time goes by and runs follow; in the end everything is as if nothing had happened, but
for a second mail where Keycloak itself died between the mail and its commit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from syncd import invitations
from tests.unit.invitations.build import ALL_NOTICES, DAY, HOUR, MINUTE, NOW, RULES, S, invitation
from tests.unit.invitations.world import Account, Answer, World

VOIDING = replace(RULES, voids_previous=True, notify=ALL_NOTICES)
REMINDING = replace(RULES, reminders=(3 * DAY,), notify=ALL_NOTICES)
OURS = Account("a0", syncd=True, pending=True)


def fresh() -> World:
    it = invitation(S.REQUESTED, attempt=0, account="", made_account=False)
    return World(replace(RULES, notify=ALL_NOTICES), it)


def by_reset() -> World:
    return World(replace(RULES, activation="self_reset"), fresh().record)


def by_provider() -> World:
    return World(replace(RULES, activation="idp"), fresh().record)


def known() -> World:
    """The person has an account of their own."""
    world = fresh()
    world.account = Account("b1", syncd=False, pending=False, credential=True)
    return world


def mailed(world: World, **changes: object) -> World:
    """An invitation that went out to a0, with its mail in the box."""
    world.record = replace(world.record, account="a0", made_account=True, **changes)
    world.account = replace(OURS)
    world.run()
    assert [mail.kind for mail in world.mails] == ["invitation"]
    world.now += HOUR
    return world


def resent(rules: invitations.Rules = VOIDING) -> World:
    world = mailed(World(rules, fresh().record))
    assert world.resend()
    return world


def resent_but_not_remade() -> World:
    world = resent()
    assert world.account
    world.account.edge = True
    return world


def reminded() -> World:
    world = mailed(World(REMINDING, fresh().record))
    world.now += 7 * DAY
    return world


def accepted() -> World:
    world = mailed(fresh())
    world.follow()
    return world


def expired() -> World:
    world = mailed(fresh())
    world.now += 10 * DAY
    return world


def unwanted() -> World:
    world = mailed(fresh())
    world.wanted = False
    return world


def unwanted_in_use() -> World:
    world = accepted()
    world.wanted = False
    return world


def refused_by_invitee() -> World:
    world = mailed(fresh())
    assert world.end(invitations.decline)
    return world


def cancelled_by_act() -> World:
    world = mailed(fresh())
    assert world.end(invitations.cancel)
    return world


def deleted_by_hand() -> World:
    world = mailed(fresh())
    world.account, world.gone_by_hand = None, True
    return world


# how each story ends, and how many mails the invitee has then
STORIES: dict[str, tuple[Callable[[], World], str, int]] = {
    "an invitation": (fresh, "sent", 1),
    "an invitation by reset": (by_reset, "sent", 1),
    "an invitation by provider": (by_provider, "sent", 1),
    "a person with an account": (known, "accepted", 0),
    "a resend that voids": (resent, "sent", 2),
    "a resend that voids nothing": (lambda: resent(RULES), "sent", 2),
    "a resend of an account with more": (resent_but_not_remade, "sent", 2),
    "a reminder": (reminded, "sent", 2),
    "an acceptance": (accepted, "accepted", 1),
    "an expiry": (expired, "expired", 1),
    "nobody wants it": (unwanted, "cancelled", 1),
    "nobody wants it, in use": (unwanted_in_use, "cancelled", 1),
    "a refusal": (refused_by_invitee, "declined", 1),
    "an act cancels": (cancelled_by_act, "cancelled", 1),
    "a deletion by hand": (deleted_by_hand, "failed", 1),
}


def outcome(world: World) -> tuple[object, ...]:
    """What must be the same whatever happened on the way.

    By provider there is no action on the account that would tell who made it: after a crash it is left alone.
    """
    account = world.account and replace(world.account, id="")
    is_ours = world.rules.activation == "idp" or world.record.made_account
    return world.record.state, account, is_ours, sorted(world.notices)


def undisturbed(story: str) -> World:
    world = STORIES[story][0]()
    world.heal()
    return world


@pytest.mark.parametrize("story", list(STORIES))
def test_the_story_ends_as_it_should(story: str) -> None:
    _, state, mails = STORIES[story]
    world = undisturbed(story)
    assert (world.record.state, len(world.mails)) == (state, mails)


@pytest.mark.parametrize("offset", [timedelta(seconds=-1.5), timedelta(), timedelta(seconds=1.5)])
@pytest.mark.parametrize("story", list(STORIES))
def test_a_crash_at_any_tick_changes_nothing_in_the_end(story: str, offset: timedelta) -> None:
    begin, _, mails = STORIES[story]
    expected = outcome(undisturbed(story))
    crashes = 0
    while True:
        world = begin()
        world.offset = offset
        if not world.run_into(crashes + 1):
            break
        crashes += 1
        world.now += MINUTE
        world.heal()
        assert outcome(world) == expected, f"crash at tick {crashes}"
        assert len(world.mails) == mails, f"crash at tick {crashes}"
    assert crashes >= 2


@pytest.mark.parametrize("story", list(STORIES))
def test_two_crashes_anywhere_change_nothing_in_the_end(story: str) -> None:
    begin, _, mails = STORIES[story]
    expected = outcome(undisturbed(story))
    for first in range(1, 20):
        for second in range(1, 20):
            world = begin()
            if not world.run_into(first):
                return
            world.now += 3 * MINUTE
            if not world.run_into(second):
                break
            world.now += 3 * MINUTE
            world.heal()
            assert outcome(world) == expected, (first, second)
            assert len(world.mails) == mails, (first, second)


MAILING = [name for name, (_, state, mails) in STORIES.items() if state == "sent" and mails]


@pytest.mark.parametrize("answers", [[one, two] for one in Answer for two in Answer])
@pytest.mark.parametrize("story", MAILING)
def test_whatever_is_answered_the_mail_arrives_and_twice_only_by_the_window(
    story: str, answers: list[Answer]
) -> None:
    begin, state, mails = STORIES[story]
    world = begin()
    world.answers = list(answers)
    world.go_on()
    assert world.record.state == state
    assert mails <= len(world.mails) <= mails + world.windows


def test_a_lost_answer_is_found_in_the_events_without_a_second_mail() -> None:
    world = fresh()
    world.answers = [Answer.LOST]
    world.run()
    assert (world.record.state, len(world.mails)) == (S.SENT, 1)
    assert world.record.expires_at == NOW + 10 * DAY


def test_a_call_that_never_arrived_is_repeated_after_the_events_settled_and_a_pause() -> None:
    world = fresh()
    world.answers = [Answer.UNHEARD]
    world.run()
    world.now += MINUTE
    world.run()
    assert (world.record.state, world.mails) == (S.SENDING, [])
    world.now += MINUTE
    world.run()
    assert (world.record.state, world.mails) == (S.FAILED, [])
    world.now += MINUTE
    world.run()
    assert (world.record.state, len(world.mails)) == (S.SENT, 1)


def test_earlier_links_are_refused_once_a_voiding_resend_is_out() -> None:
    world = resent()
    world.heal()
    assert [mail.kind for mail in world.live_links()] == ["resend"]


def test_links_of_a_cancelled_invitation_are_refused() -> None:
    for begin in (unwanted, cancelled_by_act, refused_by_invitee):
        world = begin()
        world.heal()
        assert world.live_links() == []


def test_what_was_deleted_by_hand_goes_out_again_when_asked() -> None:
    world = deleted_by_hand()
    world.heal()
    assert world.resend()
    world.heal()
    assert (world.record.state, world.record.account) == (S.SENT, "a1")
    assert [mail.kind for mail in world.live_links()] == ["resend"]


@pytest.mark.parametrize("answer", [Answer.UNHEARD, Answer.LOST])
@pytest.mark.parametrize("pause", [0.002, 0.5, 1.9])
@pytest.mark.parametrize("offset", [-1.9, 0.0, 1.9])
def test_a_mail_asked_for_moments_after_the_last_is_proved_by_its_own_event_only(
    offset: float, pause: float, answer: Answer
) -> None:
    world = fresh()
    world.offset = timedelta(seconds=offset)
    world.run()
    world.now += timedelta(seconds=pause)
    assert world.resend()
    world.answers = [answer]
    world.run()
    assert world.record.state is (S.SENDING if answer is Answer.UNHEARD else S.SENT)
    world.heal()
    assert (world.record.state, [mail.kind for mail in world.mails]) == (S.SENT, ["invitation", "resend"])
