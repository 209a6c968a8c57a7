"""The reasons as people read them: texts of all situations, refusals, notes; and what holds a mail back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from syncd import invitations
from syncd.acts import InvitationState
from syncd.invitations import Budget, Send
from tests.unit.invitations.build import DAY, IN_USE, MINUTE, NEW, NOW, RULES, S, Situation, invitation
from tests.unit.invitations.situations import SITUATIONS

VOIDING = replace(RULES, voids_previous=True)
AGAIN = {"kind": "resend", "attempt": 1, "sent_at": NOW - DAY, "expires_at": NOW + 9 * DAY}
LIMITED = replace(RULES, per_person_per_day=3, per_unit_per_day=20)
MORE = {
    "no address": Situation({"address": "ann"}),
    "mail only to some": Situation(
        rules=replace(RULES, mail_mode="only", mail_domains=frozenset({"Test.example"}))
    ),
    "person's mails used up": Situation(rules=LIMITED, budget=Budget(3, 3, 3, NOW + DAY)),
    "unit's mails used up": Situation(rules=LIMITED, budget=Budget(20, 20, 0)),
    "account without an address": Situation(seen=replace(NEW, address="")),
    "no reason known": Situation({"reason": "", "retry_at": None}),
    "never expires": Situation({"expires_at": None}),
    "reminder to be tried again": Situation(
        {"sent_at": NOW - 8 * DAY, "expires_at": NOW + DAY, "retry_at": NOW + MINUTE, "reason": "down"},
        rules=replace(RULES, reminders=(3 * DAY,)),
    ),
    "resend, nothing voided": Situation(AGAIN),
    "resend, the earlier one without end": Situation({**AGAIN, "expires_at": None}),
    "resend, the earlier one over": Situation({**AGAIN, "expires_at": NOW}),
    "resend, not made by syncd": Situation({**AGAIN, "made_account": False}, rules=VOIDING),
    "resend, account with more": Situation(
        {**AGAIN, "void": "a1"}, seen=replace(NEW, foreign=True), rules=VOIDING
    ),
    "resend by reset, which has no link": Situation(AGAIN, rules=replace(RULES, activation="self_reset")),
    "resend, remade": Situation({**AGAIN, "void": "a0"}, rules=VOIDING),
}
GOLDEN = Path(__file__).with_name("reasons.txt")


def said() -> list[str]:
    """Every text with the situation in which it is first said, in the order of the situations."""
    texts: dict[str, str] = {}
    for name, situation in {**SITUATIONS, **MORE}.items():
        for state in InvitationState:
            step = situation.step(state)
            text = step.note if isinstance(step, Send) else getattr(step, "reason", "")
            if text:
                texts.setdefault(text, f"{name}, {state}")
    return [f"{where}: {text}" for text, where in texts.items()]


def refused() -> list[str]:
    """Every refusal of a resend, a cancellation and a refusal by the invitee."""
    nothing, expired = (
        replace(RULES, resend_when=frozenset()),
        replace(RULES, resend_when=frozenset({"expired"})),
    )
    answers = {}
    for state in InvitationState:
        it = invitation(state)
        answers[f"resend, {state}"] = invitations.request_resend(it, NOW, RULES)
        answers[f"resend where only the expired may, {state}"] = invitations.request_resend(it, NOW, expired)
        answers[f"resend where none may, {state}"] = invitations.request_resend(it, NOW, nothing)
        answers[f"cancel, {state}"] = invitations.cancel(it, NOW)
        answers[f"decline, {state}"] = invitations.decline(it, NOW)
    without_end = invitation(S.SENT, expires_at=None)
    answers["resend of what never expires"] = invitations.request_resend(without_end, NOW, expired)
    return [f"{what}: {text}" for what, text in answers.items() if isinstance(text, str)]


def test_the_reasons_read_as_they_were_approved() -> None:
    assert [*said(), *refused()] == GOLDEN.read_text(encoding="utf-8").splitlines()


def test_no_reason_is_without_a_word_where_somebody_waits_for_something() -> None:
    for situation in {**SITUATIONS, **MORE}.values():
        for state in InvitationState:
            step = situation.step(state)
            assert getattr(step, "reason", None) != "" or state in (S.CANCELLED, S.DECLINED)


def test_a_held_mail_leaves_by_itself_once_the_hold_is_gone() -> None:
    held = Situation(rules=replace(RULES, mail_mode="hold"))
    assert isinstance(held.step(S.REQUESTED), invitations.Nothing)
    assert isinstance(replace(held, rules=RULES).step(S.REQUESTED), Send)


def test_domains_compare_without_case_and_never_by_their_end() -> None:
    for domain, leaves in (("ACME.example", True), ("me.example", False), ("example", False)):
        only = replace(RULES, mail_mode="only", mail_domains=frozenset({domain}))
        allowed = replace(RULES, domains=frozenset({domain}))
        for rules in (only, allowed):
            assert isinstance(Situation(rules=rules).step(S.REQUESTED), Send) is leaves


def test_addresses_fold_only_ascii_letters() -> None:
    upper = Situation(seen=replace(NEW, address="ANN@Acme.example"))
    assert isinstance(upper.step(S.REQUESTED), Send)
    kelvin = Situation({"address": "k@acme.example"}, seen=replace(NEW, address="\u212a@acme.example"))
    assert isinstance(kelvin.step(S.REQUESTED), invitations.Nothing)


def test_each_limit_holds_exactly_at_its_figure() -> None:
    for budget, leaves in (
        (Budget(49, 19, 2), True),
        (Budget(50, 0, 0), False),
        (Budget(20, 20, 0), False),
        (Budget(3, 3, 3), False),
    ):
        for state in (S.REQUESTED, S.FAILED):
            assert isinstance(Situation(rules=LIMITED, budget=budget).step(state), Send) is leaves


def test_an_acceptance_needs_no_mail_and_no_open_budget() -> None:
    closed = Situation(seen=IN_USE, rules=replace(RULES, mail_mode="hold"), budget=Budget(50))
    assert isinstance(closed.step(S.SENT), invitations.Accept)
