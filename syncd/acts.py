"""The words of what people do: memberships given by acts, invitations, links, joining, transfers, locks.

Every one is a `Record`: a small frozen value that the store keeps sealed, with a version that rises at
each change. A change is written only over the version it was decided on (compare and swap), so that of
two who act at once exactly one wins. Unit ids are those of anchors (`uid`); times are aware UTC.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - the store reads the annotations
from dataclasses import dataclass, field
from datetime import date, datetime  # noqa: TC003 - as above
from enum import StrEnum


class Source(StrEnum):
    """Where a membership that no file declares comes from."""

    INVITATION = "invitation"
    ADMIN = "admin"
    JOIN = "join"


class InvitationState(StrEnum):
    """How an invitation stands; `sending` is committed before the mail leaves."""

    REQUESTED = "requested"
    SENDING = "sending"
    SENT = "sent"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"


OPEN = frozenset(
    {InvitationState.REQUESTED, InvitationState.SENDING, InvitationState.SENT, InvitationState.FAILED}
)


@dataclass(frozen=True, slots=True)
class Record:
    """What all have: a random id with a prefix of their kind, the mapping, and the version."""

    id: str
    mapping: str
    version: int = 0


@dataclass(frozen=True, slots=True)
class Grant(Record):
    """A person holds a role in a unit by an act; `since` is the entry date.

    `waits` is the id of the invitation whose acceptance it waits for, empty once it is given.
    """

    unit: str = ""
    role: str = ""
    person: str = ""
    who: str = ""  # address or username, as the act named the person
    source: Source = Source.ADMIN
    by: str = ""  # person id, or operator:NAME
    since: datetime | None = None
    until: date | None = None
    waits: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Invitation(Record):
    """One person asked into a mapping; what is granted on acceptance are the `Grant`s that wait for it.

    `declared` invitations come from files and are withdrawn when the file drops the person. `attempt`
    counts mails; `made_account` says that syncd made the account for it; `kind` is the next mail's.
    """

    person: str = ""
    address: str = ""
    unit: str = ""
    role: str = ""
    by: str = ""
    declared: bool = False
    state: InvitationState = InvitationState.REQUESTED
    kind: str = "invitation"  # invitation | resend | reminder
    attempt: int = 0
    asked_at: datetime | None = None
    sending_at: datetime | None = None
    sent_at: datetime | None = None
    expires_at: datetime | None = None
    ended_at: datetime | None = None
    account: str = ""
    made_account: bool = False
    reminded: int = 0
    locale: str = ""
    given_name: str = ""
    family_name: str = ""
    reason: str = ""  # why it failed or ended
    retry_at: datetime | None = None
    told: tuple[str, ...] = ()  # notices already sent: accepted, expired
    failures: int = 0  # in a row, of mails and of making the account; decides how long the next try waits
    void: str = ""  # the account whose earlier links must die before the mail that was asked for again
    earlier: datetime | None = None  # the newest mail before the one begun last, by Keycloak's clock
    worded: str = ""  # the account that still carries what the last mail was to say
    username: str = ""  # of the account to be made; empty: the address
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of that account


@dataclass(frozen=True, slots=True)
class Link(Record):
    """A link that anyone who has it may redeem, within its bounds; only the SHA-256 of the token is kept.

    `asks` are what the page asks for beside the address, `words` what it says: `unit.en`, `role.fr`.
    """

    unit: str = ""
    role: str = ""
    by: str = ""
    token: str = ""
    domains: tuple[str, ...] = ()
    max_uses: int | None = None
    uses: int = 0
    created_at: datetime | None = None
    expires_at: datetime | None = None
    revoked: bool = False
    asks: tuple[str, ...] = ()
    approval: bool = False
    words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Redemption(Record):
    """A request recorded by the public listener; another process acts on it.

    One that `awaits` has to be approved first; one that is `asked` is confirmed by whoever has the token,
    whose SHA-256 is kept: it was mailed to an address that has an account.
    """

    link: str = ""
    address: str = ""
    given_name: str = ""
    family_name: str = ""
    asked_at: datetime | None = None
    state: str = "recorded"  # recorded | awaits | approved | asked | confirmed | invited | refused
    reason: str = ""
    unit: str = ""
    locale: str = ""
    token: str = ""
    expires_at: datetime | None = None
    words: Mapping[str, str] = field(default_factory=dict)  # as those of the link


@dataclass(frozen=True, slots=True)
class Join(Record):
    """Somebody who registered asks to be let into a unit."""

    unit: str = ""
    person: str = ""
    address: str = ""
    state: str = "requested"  # requested | approved | refused | lapsed
    role: str = ""
    by: str = ""
    asked_at: datetime | None = None
    decided_at: datetime | None = None
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Transfer(Record):
    """A role with one holder on its way to another; the token's SHA-256 is kept, the mail has the token."""

    unit: str = ""
    role: str = ""
    owner: str = ""
    heir: str = ""
    by: str = ""
    state: str = "asked"  # asked | confirmed | done | cancelled | expired
    token: str = ""
    asked_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lock(Record):
    """An account disabled (or, with `deleted`, deleted) by an act or by a rule; ended by enabling.

    `rule` is the key of the mapping that locked it, empty for an act; with `due` the account is deleted then.
    An account that is `missed` is not locked yet: since then its person is gone from the roster of `rule`.
    """

    person: str = ""
    by: str = ""
    since: datetime | None = None
    state: str = "disabled"  # missed | disabled | enabled | ended | ending | deleted
    rule: str = ""
    due: datetime | None = None
    heir: str = ""
    reason: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProfileEdit(Record):
    """Somebody wrote parts of the profile of an account; what, not which values: those are in the account."""

    person: str = ""
    by: str = ""
    fields: tuple[str, ...] = ()
    state: str = "asked"  # asked | done
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Notice(Record):
    """A mail or webhook of syncd's own that is to leave: written with the act, sent afterwards.

    One that was cut off while it was `sending` leaves again, under the same id.
    """

    to: str = ""
    hook: str = ""  # the mark of the webhook that it is for; empty: of all that want it
    about: str = ""  # invitation.accepted, join.requested, transfer.confirm, …
    locale: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    state: str = "waiting"  # waiting | sending | sent | failed
    attempts: int = 0
    reason: str = ""
    sending_at: datetime | None = None
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Call(Record):
    """Somebody acted where no run followed: the daemon makes one that makes it true.

    Any run answers one that asks for it `once`, however it ends.
    """

    by: str = ""
    once: bool = False


@dataclass(frozen=True, slots=True)
class Pause(Record):
    """Scheduled runs of a mapping wait, until somebody resumes them or until `until`."""

    by: str = ""
    since: datetime | None = None
    until: datetime | None = None


RECORDS: Mapping[str, type[Record]] = {
    "grant": Grant,
    "invitation": Invitation,
    "link": Link,
    "redemption": Redemption,
    "join": Join,
    "transfer": Transfer,
    "lock": Lock,
    "edit": ProfileEdit,
    "notice": Notice,
    "call": Call,
    "pause": Pause,
}
"""Every kind of record by the name under which the store keeps it."""
