"""What invitations and acts ask of the system that keeps accounts: look, make, mail, disable, delete.

It lies beside the `Target` protocol because none of this can be compared and repeated: a mail leaves
once, a session ends once. `keycloak_directory` is the one implementation.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - the dataclasses' annotations are read at run time
from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 - as above
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from syncd.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from syncd.model import Attrs


class AccountRefused(TargetError):
    """Something cannot be done to one account: it exists already, is gone, or the profile forbids it."""


@dataclass(frozen=True, slots=True)
class AccountState:
    """What is known of one account, looked up now.

    `verified` alone means only that a mailed link was opened. `pending` are the required actions on the
    account, `credential` a password or other credential here or in a directory behind it (`federated`).
    `roles` counts roles given directly, without the realm's default ones; `sessions` browser sessions.
    """

    native: str
    username: str
    address: str
    verified: bool
    enabled: bool
    pending: frozenset[str] = frozenset()
    credential: bool = False
    provider_links: int = 0
    groups: int = 0
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    created: datetime | None = None
    group_ids: frozenset[str] = frozenset()
    roles: int = 0
    sessions: int = 0
    federated: bool = False

    @property
    def activated(self) -> bool:
        """Whether somebody has made it theirs: it has a way to log in, or is logged in."""
        return self.credential or self.provider_links > 0 or self.sessions > 0 or self.federated


class Sent(StrEnum):
    """What became of a mail."""

    SENT = "sent"
    REFUSED = "refused"  # it surely did not leave
    UNKNOWN = "unknown"  # no answer: `mail_event` decides


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of one mail, and why; `temporary` where the same call may succeed later."""

    outcome: Sent
    reason: str = ""
    temporary: bool = False


@dataclass(frozen=True, slots=True)
class MailFacts:
    """What the next mail says of its reason, in the language of the person; empty ones are left out.

    `kind` is `invitation`, `reminder` or `resend`; `expires` is aware.
    """

    organization: str = ""
    role: str = ""
    inviter: str = ""
    expires: datetime | None = None
    kind: str = "invitation"


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to be made: enabled, without credential, its address unverified.

    `actions` are what its owner has to do; that one of them is gone shows that it was done.
    """

    username: str
    address: str
    given_name: str = ""
    family_name: str = ""
    locale: str = ""
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    actions: tuple[str, ...] = ("UPDATE_PASSWORD",)


class Directory(Protocol):
    """Accounts of one realm. All raise a `TargetError` where it cannot be asked, `AccountRefused` as said."""

    def find(self, address: str) -> str | None:
        """The id of the account with this address; `AccountRefused` where several have it."""

    def state(self, native: str) -> AccountState | None:
        """One account as it is now, None where it is gone."""

    def states(self, natives: Iterable[str]) -> dict[str, AccountState]:
        """Many accounts as they are now; those that are gone are left out."""

    def create(self, account: NewAccount) -> str:
        """Make an account and return its id; `AccountRefused` where it exists or the profile forbids it."""

    def remake(self, native: str) -> str:
        """Delete an account nobody has made theirs and make it anew, which voids every link mailed to it."""

    def send_actions(
        self,
        native: str,
        actions: Sequence[str],
        lifespan: int | None = None,
        client: str = "",
        redirect: str = "",
    ) -> SendResult:
        """Mail a link to do `actions`, good for `lifespan` seconds: at most one mail, never an exception."""

    def mail_event(self, native: str, since: datetime) -> datetime | None:
        """When the newest mail of actions to the account left, at or after `since`."""

    def set_mail_attributes(self, native: str, facts: MailFacts) -> None:
        """Keep on the account what the next mail is to say."""

    def clear_mail_attributes(self, native: str) -> None:
        """Remove what `set_mail_attributes` kept."""

    def set_profile(self, native: str, profile: Attrs) -> None:
        """Write names, locale and `attribute:NAME`; an attribute without value goes, the rest stays."""

    def disable(self, native: str) -> None:
        """Let nobody log in to the account; sessions go on until `end_sessions`."""

    def enable(self, native: str) -> None:
        """Let its owner log in again; a temporary lock after wrong passwords ends too."""

    def end_sessions(self, native: str) -> None:
        """End every session of the account, offline ones included."""

    def delete(self, native: str) -> None:
        """Delete the account; one that is gone is fine."""
