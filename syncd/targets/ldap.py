"""LDAP as a target: units as organizationalUnit, roles as groups, people as members or entries.

Identity is entryUUID, never the DN: servers respell names, and a rename must cost no membership. The
target remembers ids and DNs of its last read, so that a write needs no look of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.ldapwire.directory import Directory
from syncd.model import Key, Kind, Result
from syncd.targets import ldap_numbers, ldap_read
from syncd.targets.ldap_entries import Entries
from syncd.targets.ldap_recall import LdapRecall
from syncd.targets.ldap_values import shape
from syncd.targets.ldap_write import Wave

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from syncd.ldapwire.connection import ConnectionSettings
    from syncd.model import Change, Observation, Outcome, Scope, State
    from syncd.targets.ldap_profile import LdapProfile
    from syncd.targets.recall import Keeper

_CONTAINERS = frozenset({Kind.OU, Kind.GROUP, Kind.MEMBER})
_ALLOW_EMPTY = ("389", "forgerock", "ping identity", "opendj")  # vendors whose groupOfNames may be empty


class LdapTarget:
    """One LDAP output over one connection. Implements `syncd.targets.Target`."""

    def __init__(
        self, name: str, settings: ConnectionSettings, profile: LdapProfile, keeper: Keeper | None = None
    ) -> None:
        """With a `keeper`, a read asks for what changed since the last one; without, for everything."""
        self.name = name
        self.kinds = _CONTAINERS | ({Kind.PERSON} if profile.manages_people else frozenset())
        self.profile = profile
        self.directory = Directory(settings)
        self._recall = LdapRecall(self.directory, profile, name, keeper) if keeper else None
        self._entries = Entries(profile.base)
        self._may_be_empty: bool | None = {"allow": True, "placeholder": False, "delete": False}.get(
            "allow" if profile.by_login else profile.empty_group
        )

    def read(self, scope: Scope) -> Observation:
        """Everything below the base within `scope`; see `ldap_read.read`. Raises a `TargetError`."""
        if self._recall is None:
            observation, self._entries = ldap_read.read(self.directory, self.profile, self.name, scope)
            return observation
        before = self.directory.requests
        containers, people = self._recall.entries(scope)
        observation, self._entries = ldap_read.observed(
            self.directory, self.profile, self.name, scope, containers, people
        )
        return replace(observation, requests=self.directory.requests - before)

    def doubt(self, changes: Iterable[Change], natives: Mapping[Key, str]) -> bool:
        """See `syncd.targets.recall.Remembering`."""
        return self._recall is not None and self._recall.doubt(changes, natives)

    def shape(self, desired: State) -> State:
        """Places folded, attribute names lower, values sorted in NFC; pure."""
        return shape(desired)

    def apply(self, changes: Sequence[Change], natives: Mapping[Key, str]) -> Iterator[Outcome]:
        """Write one wave; all member changes of a group go in one modify. Relies on the last `read`.

        Raises a `TargetError` only where nothing could be written at all.
        """
        may_be_empty = self._allows_empty_groups()
        wave = Wave(self.directory, self.profile, self._entries, natives, may_be_empty=may_be_empty)
        written = set()
        for outcome in wave.apply(changes):
            if outcome.result is Result.DONE and outcome.change.key.kind is Kind.MEMBER:
                written.add(natives.get(Key(Kind.GROUP, outcome.change.key.place), ""))
            yield outcome
        if self._recall is not None:
            self._recall.wrote(written - {""})

    def numbers_in_use(self, among: Sequence[int]) -> set[int]:
        """See `syncd.targets.numbers.Numbering`."""
        return ldap_numbers.in_use(self.directory, self.profile, among)

    def close(self) -> None:
        """End the connection."""
        self.directory.close()

    def _allows_empty_groups(self) -> bool:
        """What the output says, else what the kind of server is known for (RFC 3045 names the vendor)."""
        if self._may_be_empty is None:
            vendor = self.directory.root().text("vendorName").lower()
            self._may_be_empty = any(name in vendor for name in _ALLOW_EMPTY)
        return self._may_be_empty
