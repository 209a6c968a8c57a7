"""Which numbers a directory has in use: groups of others, and people whose group is a number alone."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from syncd.errors import PermissionMissing, PlaceMissing
from syncd.ldapwire import dn
from syncd.ldapwire.directory import any_of, equals
from syncd.ldapwire.operations import Query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.ldapwire.directory import Directory
    from syncd.targets.ldap_profile import LdapProfile

GID = "gidNumber"  # of posixGroup and of posixAccount alike (RFC 2307)
LOT = 200


def in_use(directory: Directory, profile: LdapProfile, among: Sequence[int]) -> set[int]:
    """Those of the numbers that an entry has, wherever this account may look. Raises a `TargetError`.

    Asked for one by one, because the order of numbers is not known to every schema (RFC 2307 gives
    `gidNumber` equality alone), where a range would be answered with nothing and success.
    """
    found: set[int] = set()
    for start in range(0, len(among), LOT):
        wanted = any_of([equals(GID, str(number)) for number in among[start : start + LOT]])
        found |= _search(directory, profile, wanted)
    return found & set(among)


def _search(directory: Directory, profile: LdapProfile, wanted: str) -> set[int]:
    """In the whole naming context; where this account sees nothing that high up, below the two bases."""
    base = profile.base
    contexts = directory.root().texts("namingContexts")
    top = next((one for one in contexts if dn.same(base, one) or dn.is_below(base, one)), "")
    if top:
        with contextlib.suppress(PlaceMissing, PermissionMissing):
            return _below(directory, top, wanted)
    return _below(directory, base, wanted) | _below(directory, profile.people_base, wanted)


def _below(directory: Directory, base: str, wanted: str) -> set[int]:
    entries = directory.search(Query(base, wanted, (GID,), ignore_references=True))
    return {int(text) for entry in entries for text in entry.texts(GID) if text.isdecimal()}
