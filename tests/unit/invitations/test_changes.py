"""Every change of an invitation of every state, as a table written by hand says; what each change writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from syncd import invitations
from syncd.acts import Invitation, InvitationState
from syncd.invitations import Fail, Invitee, KeepAccount, Settle, Withdraw
from tests.unit.invitations.build import ADDRESS, DAY, HOUR, MINUTE, NOW, RULES, S, invitation, table

TABLE = table("changes.txt")
Changed = Invitation | str
ONLY_EXPIRED = replace(RULES, resend_when=frozenset({"expired"}))
ONLY_PENDING = replace(RULES, resend_when=frozenset({"pending"}))
REMINDING = replace(RULES, reminders=(3 * DAY, DAY))


def reminder(it: Invitation) -> Invitation:
    return replace(it, kind="reminder")


def failed(it: Invitation, *, temporary: bool) -> Invitation:
    return invitations.failed(it, "mail server down", NOW, RULES, temporary=temporary)


def settled(it: Invitation, state: InvitationState) -> Invitation:
    return invitations.settle(it, Settle(state, "", NOW - MINUTE), NOW, RULES)


CHANGES: dict[str, Callable[[Invitation], Changed]] = {
    "begin_making": invitations.begin_making,
    "made": lambda it: invitations.made(it, "a2"),
    "kept": lambda it: invitations.kept(it, KeepAccount("a2", made=True)),
    "begin_sending an invitation": lambda it: invitations.begin_sending(it, "invitation", NOW),
    "begin_sending a resend": lambda it: invitations.begin_sending(it, "resend", NOW),
    "begin_sending a reminder": lambda it: invitations.begin_sending(it, "reminder", NOW),
    "sent": lambda it: invitations.sent(it, NOW, RULES),
    "sent, a reminder": lambda it: invitations.sent(reminder(it), NOW, RULES),
    "failed, may heal": lambda it: failed(it, temporary=True),
    "failed, for good": lambda it: failed(it, temporary=False),
    "failed, a reminder": lambda it: failed(reminder(it), temporary=True),
    "fail": lambda it: invitations.fail(it, Fail("the account was deleted")),
    "settle as sent": lambda it: settled(it, S.SENT),
    "settle as sent, a reminder": lambda it: settled(reminder(it), S.SENT),
    "settle as failed, a reminder": lambda it: settled(reminder(it), S.FAILED),
    "settle as failed": lambda it: settled(it, S.FAILED),
    "accept": lambda it: invitations.accept(it, "a1", NOW),
    "expire": lambda it: invitations.expire(it, NOW),
    "cancel": lambda it: invitations.cancel(it, NOW),
    "decline": lambda it: invitations.decline(it, NOW),
    "withdraw as cancelled": lambda it: invitations.withdraw(it, Withdraw(S.CANCELLED, ""), NOW),
    "withdraw as declined": lambda it: invitations.withdraw(it, Withdraw(S.DECLINED, ""), NOW),
    "told": lambda it: invitations.told(it, "accepted"),
    "request_resend, pending or expired": lambda it: invitations.request_resend(it, NOW, RULES),
    "request_resend, only expired": lambda it: invitations.request_resend(it, NOW, ONLY_EXPIRED),
    "request_resend, only pending": lambda it: invitations.request_resend(it, NOW, ONLY_PENDING),
    "request_resend, the time just over": lambda it: invitations.request_resend(
        replace(it, expires_at=NOW), NOW, ONLY_EXPIRED
    ),
}


def test_the_table_has_every_change_and_every_state() -> None:
    assert set(TABLE) == set(CHANGES)
    assert all(set(row) == set(InvitationState) for row in TABLE.values())


@pytest.mark.parametrize("state", list(InvitationState))
@pytest.mark.parametrize("name", list(CHANGES))
def test_the_state_afterwards_is_the_one_in_the_table(name: str, state: InvitationState) -> None:
    expected = TABLE[name][state]
    before = invitation(state)
    if expected == "error":
        with pytest.raises(ValueError, match=f"^invitation i_1: one that is {state} cannot [a-z]"):
            CHANGES[name](before)
        return
    after = CHANGES[name](before)
    if isinstance(after, str):
        assert expected == "rejected"
        assert after.startswith("rejected: ")
    else:
        assert after.state == expected
        assert (after.id, after.mapping, after.person, after.address) == (
            before.id,
            before.mapping,
            before.person,
            before.address,
        )


def test_a_mail_is_counted_when_it_is_begun_and_timed_when_it_left() -> None:
    begun = invitations.begin_sending(invitation(S.REQUESTED, void="a1"), "invitation", NOW)
    assert (begun.attempt, begun.sending_at, begun.sent_at, begun.void) == (1, NOW, None, "")
    left = invitations.sent(begun, NOW + MINUTE, RULES)
    assert (left.attempt, left.sent_at, left.expires_at) == (1, NOW + MINUTE, NOW + MINUTE + 10 * DAY)


def test_a_mail_without_a_link_never_expires() -> None:
    rules = replace(RULES, activation="self_reset")
    assert invitations.sent(invitation(S.SENDING), NOW, rules).expires_at is None


def test_a_mail_that_the_event_proves_left_when_the_event_says() -> None:
    after = settled(invitation(S.SENDING), S.SENT)
    assert (after.sent_at, after.expires_at) == (NOW - MINUTE, NOW - MINUTE + 10 * DAY)


def test_a_reminder_gives_no_new_time_and_counts_all_that_are_due() -> None:
    times = {"sent_at": NOW - 10 * DAY, "expires_at": NOW + HOUR, "kind": "reminder"}
    after = invitations.sent(invitation(S.SENDING, **times), NOW, REMINDING)
    assert (after.sent_at, after.expires_at, after.reminded) == (NOW - 10 * DAY, NOW + HOUR, 2)


def test_a_reminder_that_an_event_of_a_slow_clock_proves_is_not_due_again() -> None:
    times = {"sent_at": NOW - 7 * DAY, "expires_at": NOW + 3 * DAY, "kind": "reminder"}
    before = invitation(S.SENDING, **times)
    after = invitations.settle(before, Settle(S.SENT, "", NOW - MINUTE), NOW, REMINDING)
    assert after.reminded == 1


def test_a_reminder_whose_time_lies_before_the_mail_is_never_due() -> None:
    rules = replace(RULES, valid_for=2 * DAY, reminders=(3 * DAY, DAY))
    after = invitations.sent(invitation(S.SENDING), NOW, rules)
    assert invitations.next_step(
        after, invitations.Seen("a1", pending_action=True), True, NOW, rules, invitations.Budget()
    ) == invitations.Nothing("waits for the invitee until 2027-03-03 12:00 UTC", NOW + DAY)


def test_a_failed_reminder_is_tried_again_later_and_leaves_the_invitation_sent() -> None:
    before = invitation(S.SENDING, kind="reminder", sent_at=NOW - 8 * DAY, expires_at=NOW + 2 * DAY)
    after = invitations.failed(before, "down", NOW, REMINDING, temporary=True)
    assert (after.reminded, after.retry_at, after.failures) == (0, NOW + MINUTE, 1)
    gone = invitations.failed(before, "no such address", NOW, REMINDING, temporary=False)
    assert (gone.reminded, gone.retry_at, gone.failures, gone.reason) == (1, None, 0, "no such address")


def test_failures_wait_a_minute_then_longer_then_a_day_and_end_after_four_weeks() -> None:
    it, now, waits = invitation(S.REQUESTED), NOW, []
    while it.retry_at or not waits:
        it = invitations.begin_sending(it, "invitation", now)
        it = invitations.failed(it, "down", now, RULES, temporary=True)
        waits.append(None if it.retry_at is None else it.retry_at - now)
        now = it.retry_at or now
    assert waits == [MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, *[DAY] * 27, None]
    assert 27 * DAY < now - NOW < 29 * DAY


def test_what_a_failure_ends_for_good_waits_for_somebody() -> None:
    assert failed(invitation(S.SENDING), temporary=False).retry_at is None


def test_a_mail_that_left_forgets_the_failures() -> None:
    after = invitations.sent(invitation(S.SENDING, failures=7, reason="down"), NOW, RULES)
    assert (after.failures, after.reason) == (0, "")


def test_the_account_is_claimed_before_it_is_made() -> None:
    claimed = invitations.begin_making(invitation(S.REQUESTED, account="", made_account=False))
    assert (claimed.account, claimed.made_account) == ("", True)
    assert invitations.made(claimed, "a7").account == "a7"


def test_an_account_that_was_there_before_is_not_ours_when_accepted() -> None:
    claimed = invitation(S.REQUESTED, account="", made_account=True)
    after = invitations.accept(claimed, "b2", NOW)
    assert (after.account, after.made_account, after.ended_at) == ("b2", False, NOW)
    assert invitations.accept(invitation(S.SENT), "a1", NOW).made_account


def test_a_withdrawn_account_is_no_longer_ours() -> None:
    gone = invitations.withdraw(invitation(S.SENT), Withdraw(S.CANCELLED, "nobody", "a1"), NOW)
    assert (gone.account, gone.made_account, gone.ended_at, gone.reason) == ("", False, NOW, "nobody")
    left = invitations.withdraw(invitation(S.SENT), Withdraw(S.CANCELLED, "nobody"), NOW)
    assert (left.account, left.made_account) == ("a1", False)


def test_clearing_up_after_an_act_keeps_the_time_of_the_act() -> None:
    cancelled = invitations.cancel(invitation(S.SENT), NOW - HOUR, "by mistake")
    assert isinstance(cancelled, Invitation)
    after = invitations.withdraw(cancelled, Withdraw(S.CANCELLED, "by mistake", "a1"), NOW)
    assert (after.ended_at, after.reason) == (NOW - HOUR, "by mistake")


def test_a_resend_starts_anew_and_names_the_account_whose_links_must_die() -> None:
    rules = replace(RULES, voids_previous=True)
    before = invitation(S.EXPIRED, failures=3, reminded=1, told=("accepted", "expired"))
    after = invitations.request_resend(before, NOW, rules)
    assert isinstance(after, Invitation)
    assert (after.kind, after.failures, after.reminded, after.ended_at) == ("resend", 0, 0, None)
    assert (after.void, after.told) == ("a1", ("accepted",))


def test_a_resend_voids_nothing_where_the_rules_or_the_maker_of_the_account_forbid_it() -> None:
    for it, rules in (
        (invitation(S.EXPIRED), RULES),
        (invitation(S.EXPIRED, made_account=False), replace(RULES, voids_previous=True)),
        (invitation(S.EXPIRED), replace(RULES, voids_previous=True, activation="self_reset")),
    ):
        after = invitations.request_resend(it, NOW, rules)
        assert isinstance(after, Invitation)
        assert after.void == ""


def test_a_resend_after_a_remake_that_failed_half_way_still_knows_the_account() -> None:
    it = invitation(S.FAILED, account="", void="a1")
    after = invitations.request_resend(it, NOW, replace(RULES, voids_previous=True))
    assert isinstance(after, Invitation)
    assert after.void == "a1"


def test_what_never_was_mailed_is_asked_again_as_an_invitation() -> None:
    after = invitations.request_resend(invitation(S.FAILED, attempt=0, retry_at=None), NOW, RULES)
    assert isinstance(after, Invitation)
    assert after.kind == "invitation"


def test_a_declared_invitation_has_no_inviter_and_an_asked_one_has() -> None:
    invitee = Invitee("p_ann", ADDRESS, "u_1", "member", "fr", "Ann", "Example")
    declared = invitations.declared("i_9", "acme", invitee, NOW)
    asked = invitations.asked("i_9", "acme", invitee, "operator:root", NOW)
    assert declared == Invitation(
        "i_9",
        "acme",
        person="p_ann",
        address=ADDRESS,
        unit="u_1",
        role="member",
        locale="fr",
        given_name="Ann",
        family_name="Example",
        asked_at=NOW,
        declared=True,
    )
    assert asked == replace(declared, declared=False, by="operator:root")


def test_what_is_open_expired_or_unfinished_concerns_a_run() -> None:
    telling = replace(RULES, notify=frozenset({"accepted", "cancelled"}))
    for state in (S.REQUESTED, S.SENDING, S.SENT, S.FAILED, S.EXPIRED):
        assert invitations.concerns(invitation(state), RULES)
    assert invitations.concerns(invitation(S.CANCELLED), RULES)
    assert not invitations.concerns(invitation(S.CANCELLED, made_account=False), RULES)
    assert invitations.concerns(invitation(S.CANCELLED, made_account=False), telling)
    assert not invitations.concerns(invitation(S.ACCEPTED), RULES)
    assert invitations.concerns(invitation(S.ACCEPTED), telling)
    assert not invitations.concerns(invitation(S.ACCEPTED, told=("accepted",)), telling)
    assert not invitations.concerns(invitation(S.ACCEPTED, by=""), telling)


def test_evidence_is_newer_than_the_event_before_or_where_there_was_none_than_the_begin_of_the_mail() -> None:
    assert invitations.evidence_since(invitation(S.SENDING), RULES) == NOW - 10 * MINUTE - RULES.skew
    for earlier in (NOW - 11 * MINUTE, NOW - 9 * MINUTE):
        again = invitation(S.SENDING, earlier=earlier)
        assert invitations.evidence_since(again, RULES) == earlier + timedelta(milliseconds=1)
    with pytest.raises(ValueError, match="no mail was begun"):
        invitations.evidence_since(invitation(S.REQUESTED), RULES)
