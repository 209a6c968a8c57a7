"""What the next step of an invitation is decided from, and what it can be.

`Seen` is what Keycloak shows of one account, `Rules` what the mapping and the operator allow, `Budget`
what left already today. A `Step` is decided here and done elsewhere; it says why, for whoever reads a plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from syncd.acts import InvitationState

Activation: TypeAlias = Literal["action_link", "self_reset", "idp"]
Kind: TypeAlias = Literal["invitation", "resend", "reminder"]
RETRY = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(days=1),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """The account of the invited person as Keycloak shows it now.

    `account` is its id, found by pin, or by an address that may be trusted; an unverified look-alike is not
    an account. `credential`: a password or other credential, in Keycloak or in a directory behind it.
    `linked`: an identity provider link with a first login. `foreign`: it has a credential, a session, a
    provider link, a membership or role that is not ours, or another open invitation leads to it, so that it
    must be neither remade nor deleted. `mail_event` is the newest admin event of a mail to it since
    `evidence_since(invitation, rules)`; needed only while the state is `sending`.
    """

    account: str | None = None
    enabled: bool = True
    pending_action: bool = False
    credential: bool = False
    linked: bool = False
    address: str = ""
    foreign: bool = False
    mail_event: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What the mapping says of invitations, and the operator of mails.

    `voids_previous` is about links, so that it means nothing without `action_link`.
    `reminders` are spans before the expiry; `domains` the mapping's allowed ones, empty for all;
    `mail_domains` the operator's with `mail_mode` only. Limits count mails; None is no limit. After
    `settle_after` without an admin event a mail whose outcome is unknown did not leave; `skew` is how far
    the clocks may differ. After `most_failures` in a row nothing is tried until somebody asks again.
    """

    valid_for: timedelta | None = None
    activation: Activation = "action_link"
    grant_at: Literal["acceptance", "creation"] = "acceptance"
    resend_when: frozenset[str] = frozenset({"pending", "expired"})
    voids_previous: bool = False
    reminders: tuple[timedelta, ...] = ()
    notify: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    mail_mode: Literal["deliver", "hold", "only"] = "deliver"
    mail_domains: frozenset[str] = frozenset()
    per_person_per_day: int | None = None
    per_unit_per_day: int | None = None
    per_day: int | None = 50
    retry: tuple[timedelta, ...] = RETRY
    most_failures: int = 32
    settle_after: timedelta = timedelta(minutes=2)
    skew: timedelta = timedelta(seconds=2)

    @property
    def lifetime(self) -> timedelta | None:
        """How long a mail's link lives; None where there is no link that expires."""
        return None if self.activation == "self_reset" else self.valid_for


@dataclass(frozen=True, slots=True)
class Budget:
    """Mails begun today: in the mapping, in the unit, to the address; `renews` is when the day ends."""

    sent_today: int = 0
    sent_today_unit: int = 0
    sent_today_person: int = 0
    renews: datetime | None = None


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing to do before `until`, or before something changes."""

    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class MakeAccount:
    """Commit `begin_making`, make the account with its required action, commit `made`."""


@dataclass(frozen=True, slots=True)
class RemakeAccount:
    """Commit `begin_making`, delete `account`, make a new one under a new id, commit `made`."""

    account: str
    reason: str


@dataclass(frozen=True, slots=True)
class KeepAccount:
    """Commit `kept`: `account` is there; `made` says that syncd made it, before it could write so."""

    account: str
    made: bool


@dataclass(frozen=True, slots=True)
class Send:
    """Commit `begin_sending` together with the count of the mail, call, commit `sent` or `failed`.

    `lifespan` of the link, None where it has none to give; `note` is what whoever asked must know.
    """

    kind: Kind
    lifespan: timedelta | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Settle:
    """Commit `settle`: what became of a mail whose outcome was unknown. `at` is when it left."""

    state: InvitationState
    reason: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Accept:
    """Commit `accept`: the person made `account` theirs, or had it already."""

    account: str
    reason: str


@dataclass(frozen=True, slots=True)
class Expire:
    """Commit `expire`: the link's time is over."""

    reason: str


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Delete `delete` if it is named, then commit `withdraw`: nobody wants the invitation any more."""

    state: InvitationState
    reason: str
    delete: str = ""


@dataclass(frozen=True, slots=True)
class Fail:
    """Commit `fail`: nothing can be done before somebody asks again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unword:
    """Take from `account` what the last mail was to say, then commit `unworded`: no later mail says it."""

    account: str


@dataclass(frozen=True, slots=True)
class Tell:
    """Write the notice to the inviter and commit `told`, in one transaction."""

    about: str


Step: TypeAlias = (
    Nothing
    | MakeAccount
    | RemakeAccount
    | KeepAccount
    | Send
    | Settle
    | Accept
    | Expire
    | Withdraw
    | Fail
    | Tell
    | Unword
)


def moment(at: datetime) -> str:
    """A time as reasons say it, to the minute, in the zone that it carries."""
    return f"{at:%Y-%m-%d %H:%M} {at.tzname() or ''}".rstrip()


def same_address(one: str, other: str) -> bool:
    """Whether two addresses are one: only ASCII A to Z is folded, as everywhere."""
    return one.encode().lower() == other.encode().lower()
