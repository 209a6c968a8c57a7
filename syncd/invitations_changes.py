"""How an invitation changes: each function gives the new record, to be written over the old version. Pure.

Two commits enclose every call outside: `begin_making` … `made`, `begin_sending` … `sent`. A crash in
between leaves a record that says so, and `next_step` finds out what happened. What people ask
(`request_resend`, `cancel`) may be refused, and answers with a text; the rest is called only after the
step that asks for it, and refuses a wrong state as an error of the program.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.acts import OPEN, Invitation, InvitationState
from syncd.invitations_words import moment

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from syncd.invitations_words import Fail, KeepAccount, Kind, Rules, Settle, Withdraw

_S = InvitationState
_UNSENT = (_S.REQUESTED, _S.FAILED)
_ENDED = (_S.ACCEPTED, _S.DECLINED, _S.CANCELLED)
_AGAIN = ("expired", "failed")  # notices that are due anew after a resend
_FOR_GOOD = {
    _S.ACCEPTED: "accepted on {when}: there is nothing to send",
    _S.DECLINED: "declined on {when}: invite the person anew",
    _S.CANCELLED: "cancelled on {when}: invite the person anew",
}


@dataclass(frozen=True, slots=True)
class Invitee:
    """Who is asked in, and into what: `person` is the id, `unit` the unit's anchor."""

    person: str
    address: str
    unit: str = ""
    role: str = ""
    locale: str = ""
    given_name: str = ""
    family_name: str = ""
    username: str = ""
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def declared(id: str, mapping: str, invitee: Invitee, now: datetime) -> Invitation:  # noqa: A002  the record's own word
    """The invitation of a person whom a file or roster names; nobody is told of its end."""
    return replace(_new(id, mapping, invitee, now), declared=True)


def asked(id: str, mapping: str, invitee: Invitee, by: str, now: datetime) -> Invitation:  # noqa: A002  as above
    """The invitation that `by` (a person id, or operator:NAME) asked for."""
    return replace(_new(id, mapping, invitee, now), by=by)


def _new(id_: str, mapping: str, invitee: Invitee, now: datetime) -> Invitation:
    return Invitation(
        id_,
        mapping,
        person=invitee.person,
        address=invitee.address,
        unit=invitee.unit,
        role=invitee.role,
        locale=invitee.locale,
        given_name=invitee.given_name,
        family_name=invitee.family_name,
        username=invitee.username,
        attributes=invitee.attributes,
        asked_at=now,
    )


def begin_making(invitation: Invitation) -> Invitation:
    """Claim the account before it is made: one that is found afterwards is ours."""
    _only(invitation, _UNSENT, "get an account")
    return replace(invitation, account="", made_account=True)


def made(invitation: Invitation, account: str) -> Invitation:
    """The account was made."""
    _only(invitation, _UNSENT, "get an account")
    return replace(invitation, account=account, made_account=True)


def kept(invitation: Invitation, step: KeepAccount) -> Invitation:
    """The account that is there is the one to be mailed."""
    _only(invitation, _UNSENT, "get an account")
    return replace(invitation, account=step.account, made_account=step.made)


def begin_sending(
    invitation: Invitation, kind: Kind, now: datetime, earlier: datetime | None = None
) -> Invitation:
    """A mail is about to leave; committed before the call.

    `earlier` is when the newest mail of actions to the account left until now, by Keycloak's own clock: what
    proves this one is newer.
    """
    _only(invitation, (_S.SENT,) if kind == "reminder" else _UNSENT, f"send a mail ({kind})")
    return replace(
        invitation,
        state=_S.SENDING,
        kind=kind,
        attempt=invitation.attempt + 1,
        sending_at=now,
        earlier=earlier,
        worded=invitation.account,
        retry_at=None,
        void="",
    )


def sent(invitation: Invitation, now: datetime, rules: Rules) -> Invitation:
    """The mail left at `now`; a reminder gives no new time."""
    _only(invitation, (_S.SENDING,), "have sent a mail")
    done = replace(invitation, state=_S.SENT, failures=0, reason="", retry_at=None)
    if invitation.kind == "reminder":
        return replace(done, reminded=reminders_due(invitation, now, rules))
    expires_at = None if rules.lifetime is None else now + rules.lifetime
    return replace(done, sent_at=now, expires_at=expires_at)


def failed(
    invitation: Invitation, reason: str, now: datetime, rules: Rules, *, temporary: bool
) -> Invitation:
    """A mail did not leave, or an account was not made.

    `temporary`: it may heal without anybody asking again (server down, mail server busy, a wrong setting);
    then it is tried after the next delay of `rules.retry`, until `rules.most_failures`. A reminder that
    fails leaves the invitation as it was: sent.
    """
    _only(invitation, (_S.SENDING, *_UNSENT), "fail")
    failures = invitation.failures + 1
    again = temporary and failures < rules.most_failures
    retry_at = now + _delay(failures, rules) if again else None
    if invitation.kind == "reminder" and invitation.state is _S.SENDING:
        reminded = invitation.reminded if again else reminders_due(invitation, now, rules)
        return replace(
            invitation,
            state=_S.SENT,
            reminded=reminded,
            failures=failures if again else 0,
            retry_at=retry_at,
            reason=reason,
        )
    return replace(invitation, state=_S.FAILED, reason=reason, failures=failures, retry_at=retry_at)


def fail(invitation: Invitation, step: Fail) -> Invitation:
    """Nothing can be done before somebody asks again."""
    _only(invitation, OPEN, "fail")
    return replace(invitation, state=_S.FAILED, reason=step.reason, retry_at=None)


def settle(invitation: Invitation, step: Settle, now: datetime, rules: Rules) -> Invitation:
    """The outcome that was unknown is decided: the mail left at `step.at`, or it is to be tried again."""
    _only(invitation, (_S.SENDING,), "be settled")
    if step.state is _S.FAILED:
        return failed(invitation, step.reason, now, rules, temporary=True)
    at = step.at if step.at and invitation.kind != "reminder" else now
    return sent(invitation, at, rules)


def accept(invitation: Invitation, account: str, now: datetime) -> Invitation:
    """The person made the account theirs; one that was there before is not ours."""
    _only(invitation, (*OPEN, _S.EXPIRED), "be accepted")
    return replace(
        invitation,
        state=_S.ACCEPTED,
        account=account,
        made_account=invitation.made_account and invitation.account == account,
        ended_at=now,
        reason="",
        retry_at=None,
        void="",
    )


def expire(invitation: Invitation, now: datetime) -> Invitation:
    """The link's time is over; the account stays, for a resend."""
    _only(invitation, (_S.SENT,), "expire")
    return replace(invitation, state=_S.EXPIRED, ended_at=now, reason="", retry_at=None)


def cancel(invitation: Invitation, now: datetime, reason: str = "") -> Invitation | str:
    """The invitation ends by an act, or why it cannot; its account is withdrawn at the next look."""
    return _end(invitation, _S.CANCELLED, now, reason)


def decline(invitation: Invitation, now: datetime, reason: str = "") -> Invitation | str:
    """The invitee does not want it, or why that comes too late; the account is withdrawn at the next look."""
    return _end(invitation, _S.DECLINED, now, reason)


def _end(invitation: Invitation, state: InvitationState, now: datetime, reason: str) -> Invitation | str:
    if invitation.state is _S.ACCEPTED:
        return f"rejected: the invitation was accepted on {_ended(invitation)}; remove the membership instead"
    if invitation.state in _ENDED:
        return f"rejected: the invitation was {invitation.state} on {_ended(invitation)} already"
    return replace(invitation, state=state, ended_at=now, reason=reason, retry_at=None, void="")


def withdraw(invitation: Invitation, step: Withdraw, now: datetime) -> Invitation:
    """Nobody wants it any more, and the account is deleted or left to itself: it is no longer ours."""
    if invitation.state in _ENDED and step.state is not invitation.state:
        raise _wrong(invitation, f"become {step.state}")
    return replace(
        invitation,
        state=step.state,
        reason=step.reason,
        ended_at=invitation.ended_at if invitation.state is step.state else now,
        account="" if step.delete else invitation.account,
        made_account=False,
        worded="" if step.delete else invitation.worded,
        retry_at=None,
        void="",
    )


def unworded(invitation: Invitation) -> Invitation:
    """The account no longer carries what the last mail was to say."""
    return replace(invitation, worded="")


def told(invitation: Invitation, about: str) -> Invitation:
    """The inviter's notice is written."""
    return replace(invitation, told=(*invitation.told, about))


def request_resend(invitation: Invitation, now: datetime, rules: Rules) -> Invitation | str:
    """The invitation is to go out again, with a new time; or why not, as a text for whoever asked."""
    if refusal := _no_resend(invitation, now, rules):
        return f"rejected: {refusal}"
    voids = rules.voids_previous and rules.activation == "action_link" and invitation.made_account
    return replace(
        invitation,
        state=_S.REQUESTED,
        kind="resend" if invitation.attempt else "invitation",
        failures=0,
        reminded=0,
        ended_at=None,
        retry_at=None,
        reason="",
        void=(invitation.account or invitation.void) if voids else "",
        told=tuple(about for about in invitation.told if about not in _AGAIN),
    )


def _no_resend(invitation: Invitation, now: datetime, rules: Rules) -> str:
    state = invitation.state
    if state in _FOR_GOOD:
        return f"the invitation was {_FOR_GOOD[state].format(when=_ended(invitation))}"
    if state in (_S.REQUESTED, _S.SENDING):
        return "the mail of this invitation is about to leave"
    over = invitation.expires_at is not None and invitation.expires_at <= now
    if state is _S.EXPIRED or (state is _S.SENT and over):
        if "expired" not in rules.resend_when:
            return "an invitation that expired is not sent again here (invitations.resend.when)"
    elif state is _S.SENT and "pending" not in rules.resend_when:
        if invitation.expires_at is None or "expired" not in rules.resend_when:
            return "an invitation that is still open is not sent again here (invitations.resend.when)"
        when = moment(invitation.expires_at)
        return f"an invitation that is still open can be sent again only after it expired, {when}"
    return ""


def reminders_due(invitation: Invitation, now: datetime, rules: Rules) -> int:
    """How many of the reminders are due by now; those whose time lies before the mail itself are not sent."""
    return sum(at <= now for at in reminder_times(invitation, rules))


def reminder_times(invitation: Invitation, rules: Rules) -> list[datetime]:
    """When each reminder is due, earliest first."""
    if invitation.expires_at is None or invitation.sent_at is None:
        return []
    times = sorted({invitation.expires_at - lead for lead in rules.reminders if lead > timedelta()})
    return [at for at in times if at > invitation.sent_at]


def _delay(failures: int, rules: Rules) -> timedelta:
    return rules.retry[min(failures, len(rules.retry)) - 1]


def _ended(invitation: Invitation) -> str:
    return moment(invitation.ended_at) if invitation.ended_at else "an unknown day"


def _only(invitation: Invitation, states: Collection[InvitationState], what: str) -> None:
    if invitation.state not in states:
        raise _wrong(invitation, what)


def _wrong(invitation: Invitation, what: str) -> ValueError:
    return ValueError(f"invitation {invitation.id}: one that is {invitation.state} cannot {what}")
