"""The next step of an invitation: what Keycloak shows, what is wanted, the time, the rules; one step. Pure.

A mail cannot be compared or undone, so nothing here is a diff. `sending` is committed before the call;
when the outcome stayed unknown the admin event decides, not a second mail. Acceptance is what Keycloak
shows: the required action that syncd put on the account is gone (`action_link`), a credential exists
(`self_reset`), the person came in by the identity provider (`idp`). What an account had before syncd
came to it is never deleted, and an ended invitation never mails.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.acts import OPEN, Invitation, InvitationState
from syncd.invitations_changes import (
    Invitee,
    accept,
    asked,
    begin_making,
    begin_sending,
    cancel,
    declared,
    decline,
    expire,
    fail,
    failed,
    kept,
    made,
    reminder_times,
    reminders_due,
    request_resend,
    sent,
    settle,
    told,
    unworded,
    withdraw,
)
from syncd.invitations_mail import unwelcome, without_mail
from syncd.invitations_words import (
    Accept,
    Budget,
    Expire,
    Fail,
    KeepAccount,
    MakeAccount,
    Nothing,
    RemakeAccount,
    Rules,
    Seen,
    Send,
    Settle,
    Step,
    Tell,
    Unword,
    Withdraw,
    moment,
    same_address,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from syncd.invitations_words import Kind

__all__ = [
    "Accept",
    "Budget",
    "Expire",
    "Fail",
    "Invitee",
    "KeepAccount",
    "MakeAccount",
    "Nothing",
    "RemakeAccount",
    "Rules",
    "Seen",
    "Send",
    "Settle",
    "Step",
    "Tell",
    "Unword",
    "Withdraw",
    "accept",
    "asked",
    "begin_making",
    "begin_sending",
    "cancel",
    "concerns",
    "declared",
    "decline",
    "evidence_since",
    "expire",
    "fail",
    "failed",
    "kept",
    "made",
    "next_step",
    "request_resend",
    "sent",
    "settle",
    "told",
    "unworded",
    "withdraw",
]

_S = InvitationState
EVENT_TIMES = timedelta(milliseconds=1)
"""How finely Keycloak tells the times of its events."""
FINISHING = timedelta(minutes=30)
"""How long after its expiry a link that was opened in time may be finished: a login in Keycloak."""


@dataclass(frozen=True, slots=True)
class _Case:
    """Everything that one decision looks at."""

    invitation: Invitation
    seen: Seen
    now: datetime
    rules: Rules
    budget: Budget


def next_step(  # noqa: PLR0913, PLR0917  the inputs of a decision, each of its own type
    invitation: Invitation, seen: Seen, wanted: bool, now: datetime, rules: Rules, budget: Budget
) -> Step:
    """The one thing to do about `invitation` now; after it is done, ask again.

    `wanted`: somebody still asks for what the invitation grants. Every step but `Nothing` changes the
    record, so that asking again ends.
    """
    case = _Case(invitation, seen, now, rules, budget)
    if invitation.state in (_S.CANCELLED, _S.DECLINED):
        ended = _left_behind(case) or _tell(case) or _unword(case)
        return ended or Nothing(f"{invitation.state}{_because(invitation)}")
    if invitation.state is _S.ACCEPTED:
        return _tell(case) or _unword(case) or Nothing("accepted")
    if not wanted:
        return _withdraw(case, _S.CANCELLED, "nobody asks for it any more")
    return _accepted(case) or _BY_STATE[invitation.state](case)


def concerns(invitation: Invitation, rules: Rules) -> bool:
    """Whether a run must look at the invitation at all: it is open, expired, or left something undone."""
    if invitation.state in OPEN or invitation.state is _S.EXPIRED:
        return True
    left_behind = invitation.state is not _S.ACCEPTED and invitation.made_account
    is_worded = _carries_words(invitation, rules)
    return left_behind or is_worded or _notice(invitation, rules) is not None


def evidence_since(invitation: Invitation, rules: Rules) -> datetime:
    """From when on, by Keycloak's clock, an admin event proves the mail that is being sent.

    It is any moment after the event that was the newest before: only where there was none the two clocks
    are compared. Raises ValueError when no mail was begun.
    """
    if invitation.sending_at is None:
        raise ValueError(f"invitation {invitation.id}: no mail was begun")
    if invitation.earlier is not None:
        return invitation.earlier + EVENT_TIMES
    return invitation.sending_at - rules.skew


def _accepted(case: _Case) -> Step | None:
    """Acceptance as Keycloak shows it; an account that is there already needs no invitation."""
    invitation, seen = case.invitation, case.seen
    if seen.account is None or _is_too_late(case):
        return None
    if invitation.account == seen.account and invitation.made_account:
        is_theirs = _is_activated(seen, case.rules)
        return Accept(seen.account, "the person made the account theirs") if is_theirs else None
    if invitation.account in ("", seen.account) and _is_in_use(seen, case.rules):
        return Accept(seen.account, "the person has an account of their own")
    return None


def _is_too_late(case: _Case) -> bool:
    """What a file asks for needs no invitation once the account is in use; what an act asked ends in time."""
    expired = case.invitation.state is _S.EXPIRED and not case.invitation.declared
    over = case.invitation.expires_at
    return expired and over is not None and case.now >= over + FINISHING


def _is_activated(seen: Seen, rules: Rules) -> bool:
    if rules.activation == "action_link":
        return not seen.pending_action
    return seen.linked or (rules.activation == "self_reset" and seen.credential)


def _is_in_use(seen: Seen, rules: Rules) -> bool:
    """Whether an account that was there before is somebody's: then the person is not unknown."""
    if rules.activation == "action_link":
        return not seen.pending_action
    return seen.credential or seen.linked


def _towards_the_mail(case: _Case) -> Step:
    """Account, then mail. Nothing is made for a mail that may not leave, unless the account itself grants."""
    invitation, seen, rules = case.invitation, case.seen, case.rules
    if refusal := unwelcome(invitation, rules):
        return Nothing(refusal)
    closed = without_mail(invitation, rules, case.budget)
    if seen.account is None:
        return closed if closed and rules.grant_at == "acceptance" else MakeAccount()
    if seen.account == invitation.void and _is_ours(case):
        return closed or RemakeAccount(seen.account, "earlier links must not work any more")
    if seen.account != invitation.account:
        return KeepAccount(seen.account, _is_claimed(case) and _is_new(seen))
    if shut := _shut(case):
        return shut
    kind: Kind = "resend" if invitation.kind == "resend" else "invitation"
    return closed or Send(kind, rules.lifetime, _note(case))


def _failed(case: _Case) -> Step:
    retry_at = case.invitation.retry_at
    if retry_at is None:
        return _tell(case) or Nothing(f"failed{_because(case.invitation)}; send it again or cancel it")
    if case.now < retry_at:
        return Nothing(f"tried again at {moment(retry_at)}{_because(case.invitation)}", retry_at)
    return _towards_the_mail(case)


def _sending(case: _Case) -> Step:
    """The outcome is unknown: whoever was sending is gone, or got no answer."""
    invitation = case.invitation
    since = evidence_since(invitation, case.rules)
    if case.seen.mail_event is not None and case.seen.mail_event >= since:
        return Settle(_S.SENT, "Keycloak's admin event shows that the mail left", case.seen.mail_event)
    until = (invitation.sending_at or case.now) + case.rules.settle_after
    if case.now < until:
        return Nothing("it is not known yet whether the mail left", until)
    if lost := _lost(case):
        return lost
    return Settle(_S.FAILED, "Keycloak's admin events show no mail: it did not leave")


def _sent(case: _Case) -> Step:
    invitation, now = case.invitation, case.now
    if invitation.expires_at is not None and invitation.expires_at <= now:
        return Expire(f"not accepted by {moment(invitation.expires_at)}")
    if lost := _lost(case):
        return lost
    if reminders_due(invitation, now, case.rules) > invitation.reminded:
        return _remind(case)
    if invitation.expires_at is None:
        return Nothing("waits for the invitee")
    coming = [at for at in reminder_times(invitation, case.rules) if at > now]
    waits = f"waits for the invitee until {moment(invitation.expires_at)}"
    return Nothing(waits, min([*coming, invitation.expires_at]))


def _remind(case: _Case) -> Step:
    invitation = case.invitation
    if invitation.retry_at is not None and case.now < invitation.retry_at:
        reason = f"the reminder is tried again at {moment(invitation.retry_at)}{_because(invitation)}"
        return Nothing(reason, invitation.retry_at)
    closed = _shut(case) or without_mail(invitation, case.rules, case.budget)
    rest = None if invitation.expires_at is None else invitation.expires_at - case.now
    return closed or Send("reminder", rest)


def _expired(case: _Case) -> Step:
    when = moment(case.invitation.expires_at) if case.invitation.expires_at else "an unknown day"
    return _tell(case) or _unword(case) or Nothing(f"expired on {when}; send it again or cancel it")


def _lost(case: _Case) -> Step | None:
    """The account to which the mail went is not there any more, so that its link cannot work."""
    if case.seen.account == case.invitation.account:
        return None
    if case.seen.account is None:
        return Fail("the account was deleted in Keycloak; send the invitation again or cancel it")
    return Fail(
        f"the account was deleted in Keycloak and another one ({case.seen.account}) has its address; "
        "find out whose it is, then send the invitation again or cancel it"
    )


def _shut(case: _Case) -> Nothing | None:
    """Why Keycloak would not mail this account, or would mail somebody else."""
    invitation, seen = case.invitation, case.seen
    if not seen.enabled:
        return Nothing("the account is disabled; enable it to let the mail leave")
    if not same_address(seen.address, invitation.address):
        found = seen.address or "no address"
        return Nothing(
            f"the account has {found} in Keycloak, the invitation goes to {invitation.address}; correct one"
        )
    return None


def _note(case: _Case) -> str:
    """What whoever asked for a resend must know of the earlier link."""
    invitation = case.invitation
    alive = invitation.expires_at is None or invitation.expires_at > case.now
    has_link = case.rules.activation == "action_link" and invitation.sent_at is not None
    if invitation.kind != "resend" or not has_link or not alive:
        return ""
    until = f" until {moment(invitation.expires_at)}" if invitation.expires_at else ""
    if not case.rules.voids_previous:
        return f"the earlier link still works{until}"
    if not invitation.made_account:
        return f"the earlier link still works{until}: syncd did not make the account, so it is not remade"
    if invitation.void == case.seen.account:
        return (
            f"the earlier link still works{until}: the account has more than syncd gave, so it is not remade"
        )
    return ""


def _left_behind(case: _Case) -> Step | None:
    """An act ended the invitation in the store; the account that was made for it is still to go."""
    if not case.invitation.made_account:
        return None
    return _withdraw(case, case.invitation.state, case.invitation.reason)


def _withdraw(case: _Case, state: InvitationState, reason: str) -> Withdraw:
    deletes = case.seen.account if case.seen.account and _is_ours(case) else ""
    return Withdraw(state, reason, deletes)


def _is_ours(case: _Case) -> bool:
    """Whether syncd made the account, nobody made it theirs, and nothing foreign hangs on it."""
    invitation, seen = case.invitation, case.seen
    known = seen.account == invitation.account or _is_claimed(case)
    return invitation.made_account and known and _is_new(seen) and not _is_activated(seen, case.rules)


def _is_claimed(case: _Case) -> bool:
    """Whether the account is the one that was about to be made when the program ended: our action tells."""
    invitation = case.invitation
    return invitation.made_account and not invitation.account and case.seen.pending_action


def _is_new(seen: Seen) -> bool:
    return not (seen.foreign or seen.credential or seen.linked)


def _tell(case: _Case) -> Tell | None:
    about = _notice(case.invitation, case.rules)
    return Tell(about) if about else None


def _unword(case: _Case) -> Unword | None:
    """An invitation that is over leaves nothing on the account that a later mail could say."""
    invitation = case.invitation
    return Unword(invitation.worded) if _carries_words(invitation, case.rules) else None


def _carries_words(invitation: Invitation, rules: Rules) -> bool:
    return bool(invitation.worded) and rules.activation != "self_reset"


def _notice(invitation: Invitation, rules: Rules) -> str | None:
    """The notice that is due to the inviter; nobody asked for what a file declares."""
    about = str(invitation.state)
    return about if invitation.by and about in rules.notify and about not in invitation.told else None


def _because(invitation: Invitation) -> str:
    return f": {invitation.reason}" if invitation.reason else ""


_BY_STATE: Mapping[InvitationState, Callable[[_Case], Step]] = {
    _S.REQUESTED: _towards_the_mail,
    _S.FAILED: _failed,
    _S.SENDING: _sending,
    _S.SENT: _sent,
    _S.EXPIRED: _expired,
}
