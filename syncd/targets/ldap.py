"""LDAP as a target: units as organizationalUnit, roles as groups, people as members or entries.

Identity is entryUUID, never the DN: servers respell names, and a rename must cost no membership. The
target remembers ids and DNs of its last read, so that a write needs no look of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.ldapwire.directory import Directory
from syncd.model import Kind
from syncd.targets import ldap_read
from syncd.targets.ldap_entries import Entries
from syncd.targets.ldap_values import shape
from syncd.targets.ldap_write import Wave

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from syncd.ldapwire.connection import ConnectionSettings
    from syncd.model import Change, Key, Observation, Outcome, Scope, State
    from syncd.targets.ldap_profile import LdapProfile

_CONTAINERS = frozenset({Kind.OU, Kind.GROUP, Kind.MEMBER})
_ALLOW_EMPTY = ("389", "forgerock", "ping identity", "opendj")  # vendors whose groupOfNames may be empty


class LdapTarget:
    """One LDAP output over one connection. Implements `syncd.targets.Target`."""

    def __init__(self, name: str, settings: ConnectionSettings, profile: LdapProfile) -> None:
        self.name = name
        self.kinds = _CONTAINERS | ({Kind.PERSON} if profile.manages_people else frozenset())
        self.profile = profile
        self.directory = Directory(settings)
        self._entries = Entries(profile.base)
        self._may_be_empty: bool | None = {"allow": True, "placeholder": False, "delete": False}.get(
            profile.empty_group
        )

    def read(self, scope: Scope) -> Observation:
        """Everything below the base within `scope`; see `ldap_read.read`. Raises a `TargetError`."""
        observation, self._entries = ldap_read.read(self.directory, self.profile, self.name, scope)
        return observation

    def shape(self, desired: State) -> State:
        """Places folded, attribute names lower, values sorted in NFC; pure."""
        return shape(desired)

    def apply(self, changes: Sequence[Change], natives: Mapping[Key, str]) -> Iterator[Outcome]:
        """Write one wave; all member changes of a group go in one modify. Relies on the last `read`.

        Raises a `TargetError` only where nothing could be written at all.
        """
        may_be_empty = self._allows_empty_groups()
        wave = Wave(self.directory, self.profile, self._entries, natives, may_be_empty=may_be_empty)
        yield from wave.apply(changes)

    def close(self) -> None:
        """End the connection."""
        self.directory.close()

    def _allows_empty_groups(self) -> bool:
        """What the output says, else what the kind of server is known for (RFC 3045 names the vendor)."""
        if self._may_be_empty is None:
            vendor = self.directory.root().text("vendorName").lower()
            self._may_be_empty = any(name in vendor for name in _ALLOW_EMPTY)
        return self._may_be_empty
