"""A look at a directory: one search for what changed lately, and for the keys of what syncd made there.

An entry that is gone has no stamp to be found by: units and groups are seen to be gone because their keys
are asked for each time; of people, only a run sees it. Stamps are of the server's clock, which may be
`YOUNG` behind ours.

A server that keeps `memberOf` writes it to people in a name of its own when syncd writes a group, and their
stamps say no more than that something changed: until `AFTER` the newest write of ours they tell nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from syncd.errors import PermissionMissing, PlaceMissing, TargetError
from syncd.ldapwire import dn
from syncd.ldapwire.directory import any_of, equals
from syncd.ldapwire.operations import Query
from syncd.targets.hints import Hints
from syncd.targets.ldap_profile import MARK, MARKER_ATTRIBUTE, MEMBER_ATTRIBUTES
from syncd.targets.ldap_read import UUID
from syncd.targets.ldap_recall import STAMPS, YOUNG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from syncd.ldapwire.directory import Directory
    from syncd.ldapwire.operations import Entry

CSN, MODIFIED = STAMPS
CREATED, CREATOR, MODIFIER = "createTimestamp", "creatorsName", "modifiersName"
CONTAINERS = ("organizationalUnit", *MEMBER_ATTRIBUTES)
AFTER = timedelta(seconds=2)  # stamps are in whole seconds, and what the server adds comes a moment later
MADE_BY_US = f"(&{any_of([equals('objectClass', name) for name in CONTAINERS])}({MARKER_ATTRIBUTE}={MARK}*))"


class LdapLook:
    """Looks below some bases of one directory, from what changed after `since` on."""

    def __init__(
        self,
        connect: Callable[[], Directory],
        bases: Sequence[str],
        since: datetime,
        now: Callable[[], datetime],
    ) -> None:
        self._connect = connect
        self._now = now
        self._directory: Directory | None = None
        self._bases = bases
        self._apart = False  # this account sees nothing above them all
        self._first = self._since = self._next = since
        self._seen: dict[str, str] = {}  # id → stamp
        self._met: dict[str, str] = {}
        self._told = ""  # the stamp up to which those of people tell nothing
        self._ours: frozenset[str] = frozenset()  # ids of units and groups
        self._still: frozenset[str] = frozenset()

    def look(self) -> Hints:
        """As `Look.look`; `TargetError` too where entries show no stamps."""
        directory = self._directory or self._connect()
        self._directory = directory
        asked, since = self._now(), _stamp(self._since)
        rows = [row for row in self._rows(directory, since) if row.text(UUID)]
        if unstamped := next((row.dn for row in rows if not row.text(MODIFIED)), ""):
            raise TargetError(
                directory.settings.name,
                f"{unstamped} shows no {MODIFIED} to this account",
                "allow it to read that; until then changes by hand wait for a scheduled run",
            )
        self._met = {row.text(UUID): row.text(CSN) or row.text(MODIFIED) for row in rows}
        self._still = frozenset(row.text(UUID) for row in rows if _is_container(row))
        self._next = self._first if asked - YOUNG < self._first <= asked else asked - YOUNG
        return self._hints([row for row in rows if self._differs(row, since)], since, directory)

    def _hints(self, changed: Sequence[Entry], since: str, directory: Directory) -> Hints:
        gone = self._ours - self._still
        units = [row for row in changed if _is_container(row)]
        people = [row for row in changed if not _is_container(row)]
        us = directory.settings.bind_dn
        written = [row.text(MODIFIED) for row in units if _is_by(row, MODIFIER, us)]
        if gone or written:
            newest = self._now() if gone else _moment(max(written))
            self._told = max(self._told, _stamp(newest + AFTER))
        foreign = [
            *(row for row in units if not _is_by(row, MODIFIER, us)),
            *(row for row in people if row.text(MODIFIED) > self._told and not _is_by(row, MODIFIER, us)),
        ]
        came = [row.dn for row in people if row.text(CREATED) >= since and not _is_by(row, CREATOR, us)]
        return Hints(
            natives=frozenset(row.text(UUID) for row in foreign) | gone,
            places=frozenset(row.dn for row in foreign),
            newcomers=frozenset(came),
        )

    def settle(self) -> None:
        """As `Look.settle`."""
        self._since, self._seen, self._ours = self._next, self._met, self._still

    def close(self) -> None:
        """As `Look.close`."""
        directory, self._directory = self._directory, None
        if directory is not None:
            directory.close()

    def _rows(self, directory: Directory, since: str) -> list[Entry]:
        common = self._bases[0]
        for base in self._bases[1:]:
            common = dn.common(common, base)
        if common and not self._apart:
            try:
                return _search(directory, common, since)
            except (PlaceMissing, PermissionMissing):
                self._apart = True
        return [row for base in self._bases for row in _found_below(directory, base, since)]

    def _differs(self, row: Entry, since: str) -> bool:
        before = self._seen.get(row.text(UUID))
        return row.text(MODIFIED) >= since if before is None else before != self._met[row.text(UUID)]


def outermost(bases: Iterable[str]) -> tuple[str, ...]:
    """Those of the bases that lie below no other, each once."""
    every = {dn.fold_dn(one): one for one in sorted(bases)}
    return tuple(
        one for one in every.values() if not any(dn.is_below(one, other) for other in every.values())
    )


def _search(directory: Directory, base: str, since: str) -> list[Entry]:
    which = any_of([MADE_BY_US, f"({MODIFIED}>={since})"])
    attributes = (UUID, *STAMPS, CREATED, CREATOR, MODIFIER, "objectClass")
    return directory.search(Query(base, which, attributes, ignore_references=True))


def _found_below(directory: Directory, base: str, since: str) -> list[Entry]:
    try:
        return _search(directory, base, since)
    except PlaceMissing:
        return []  # a run tells of it


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%SZ")


def _moment(stamp: str) -> datetime:
    return datetime.strptime(stamp[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def _is_container(row: Entry) -> bool:
    return bool({name.lower() for name in row.texts("objectClass")} & {one.lower() for one in CONTAINERS})


def _is_by(row: Entry, attribute: str, who: str) -> bool:
    return bool(row.text(attribute)) and dn.same(row.text(attribute), who)
