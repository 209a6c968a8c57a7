"""The situations in which an invitation may be found, by the name that the tables give them."""

from __future__ import annotations

from dataclasses import replace

from syncd.invitations import Budget, Seen
from tests.unit.invitations.build import (
    ADDRESS,
    ALL_NOTICES,
    DAY,
    IN_USE,
    MINUTE,
    NEW,
    NONE,
    NOW,
    RULES,
    Situation,
)

HELD = replace(RULES, mail_mode="hold")
REMINDING = replace(RULES, reminders=(3 * DAY,))
VOIDING = replace(RULES, voids_previous=True)
NOTIFYING = replace(RULES, notify=ALL_NOTICES)
FOREIGN = replace(NEW, foreign=True)
NEARLY_OVER = {"sent_at": NOW - 8 * DAY, "expires_at": NOW + 2 * DAY}
OVER = {"sent_at": NOW - 11 * DAY, "expires_at": NOW - MINUTE}
AGAIN = {"kind": "resend", "attempt": 1}
NOT_OURS = {"made_account": False}
CLAIMED = {"account": "", "made_account": True}
BEFORE = {"account": "", "made_account": False}

SITUATIONS = {
    "nothing happened": Situation(),
    "the action is done": Situation(seen=IN_USE),
    "there is no account": Situation(seen=NONE),
    "another new account has the address": Situation(seen=replace(NEW, account="b2")),
    "another account in use has the address": Situation(seen=replace(IN_USE, account="b2")),
    "nobody wants it": Situation(wanted=False),
    "nobody wants it, the action is done": Situation(wanted=False, seen=IN_USE),
    "nobody wants it, something foreign hangs on it": Situation(wanted=False, seen=FOREIGN),
    "nobody wants it, there is a password": Situation(wanted=False, seen=replace(NEW, credential=True)),
    "nobody wants it, the action is done without one": Situation(
        wanted=False, seen=replace(NEW, pending_action=False)
    ),
    "nobody wants it, syncd did not make the account": Situation(NOT_OURS, wanted=False),
    "the mail's event is seen": Situation(seen=replace(NEW, mail_event=NOW - 10 * MINUTE)),
    "an event of before the mail is seen": Situation(seen=replace(NEW, mail_event=NOW - 11 * MINUTE)),
    "an event of before the mail is seen, of a fast clock": Situation(
        {"earlier": NOW - 10 * MINUTE}, seen=replace(NEW, mail_event=NOW - 10 * MINUTE)
    ),
    "an event after the one before is seen, of a slow clock": Situation(
        {"earlier": NOW - 20 * MINUTE}, seen=replace(NEW, mail_event=NOW - 19 * MINUTE)
    ),
    "the account carries what the mail said": Situation({"worded": "a1"}),
    "the account that is not ours carries it": Situation({"worded": "a1", **NOT_OURS}),
    "by reset, nothing is carried": Situation(
        {"worded": "a1", **NOT_OURS},
        rules=replace(RULES, activation="self_reset"),
        seen=Seen("a1", address=ADDRESS),
    ),
    "the mail was begun a minute ago": Situation({"sending_at": NOW - MINUTE}),
    "the time is over": Situation(OVER),
    "a reminder is due": Situation(NEARLY_OVER, rules=REMINDING),
    "the reminder was sent": Situation({**NEARLY_OVER, "reminded": 1}, rules=REMINDING),
    "a reminder is to be tried again later": Situation(
        {**NEARLY_OVER, "retry_at": NOW + MINUTE}, rules=REMINDING
    ),
    "the mail was a reminder": Situation({"kind": "reminder"}),
    "the account is disabled": Situation(seen=replace(NEW, enabled=False)),
    "the account's address is another": Situation(seen=replace(NEW, address="eve@acme.example")),
    "mails are held": Situation(rules=HELD),
    "mails are held, there is no account": Situation(seen=NONE, rules=HELD),
    "mails are held, an account is to grant": Situation(seen=NONE, rules=replace(HELD, grant_at="creation")),
    "mails are held, a reminder is due": Situation(NEARLY_OVER, rules=replace(REMINDING, mail_mode="hold")),
    "the day's mails are used up": Situation(budget=Budget(sent_today=50)),
    "the address is not allowed": Situation(rules=replace(RULES, domains=frozenset({"other.example"}))),
    "sent again, earlier links are to die": Situation({**AGAIN, "void": "a1"}, rules=VOIDING),
    "sent again while mails are held": Situation(
        {**AGAIN, "void": "a1"}, rules=replace(VOIDING, mail_mode="hold")
    ),
    "sent again, something foreign hangs on it": Situation(
        {**AGAIN, "void": "a1"}, seen=FOREIGN, rules=VOIDING
    ),
    "sent again, the account was remade": Situation({**AGAIN, "void": "a0"}, rules=VOIDING),
    "a crash after the account was made": Situation(CLAIMED),
    "a crash after it was made, and more hangs on it": Situation(CLAIMED, seen=FOREIGN),
    "by provider: a crash after it was made": Situation(
        CLAIMED, seen=replace(NEW, pending_action=False), rules=replace(RULES, activation="idp")
    ),
    "by provider: unwanted after such a crash": Situation(
        CLAIMED, seen=replace(NEW, pending_action=False), wanted=False, rules=replace(RULES, activation="idp")
    ),
    "by provider: an account not ours gets a password": Situation(
        NOT_OURS, seen=IN_USE, rules=replace(RULES, activation="idp")
    ),
    "a reminder is due, the account is disabled": Situation(
        NEARLY_OVER, seen=replace(NEW, enabled=False), rules=REMINDING
    ),
    "a crash before the account was made": Situation(CLAIMED, seen=NONE),
    "a crash, and somebody else has the address": Situation(CLAIMED, seen=IN_USE),
    "the person had an account": Situation(BEFORE, seen=IN_USE),
    "somebody else's new account is there": Situation(BEFORE),
    "notices are due": Situation(rules=NOTIFYING),
    "notices are due, the account is not ours": Situation(NOT_OURS, rules=NOTIFYING),
    "notices are due, it failed for good": Situation({"retry_at": None}, rules=NOTIFYING),
    "it failed, and is tried again later": Situation({"retry_at": NOW + MINUTE}),
    "it failed for good": Situation({"retry_at": None}),
    "finished just after the time was over": Situation(OVER, seen=IN_USE),
    "declared, done long after the time was over": Situation({"declared": True, "by": ""}, seen=IN_USE),
    "by reset: there is a password": Situation(
        seen=replace(IN_USE, pending_action=True), rules=replace(RULES, activation="self_reset")
    ),
    "by reset: there is no password": Situation(
        seen=Seen("a1", address=ADDRESS), rules=replace(RULES, activation="self_reset")
    ),
    "by provider: the person came in": Situation(
        seen=Seen("a1", linked=True, foreign=True, address=ADDRESS), rules=replace(RULES, activation="idp")
    ),
    "by provider: there is only a password": Situation(seen=IN_USE, rules=replace(RULES, activation="idp")),
}
