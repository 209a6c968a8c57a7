"""A directory as the rest of syncd sees it: search, write, describe, over either wire.

A read that breaks is begun anew once, because reading twice harms nothing; a write never is.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from syncd import traffic
from syncd.errors import PlaceMissing, Unreachable
from syncd.ldapwire import reader, stock, writer
from syncd.ldapwire.connection import Connection, ConnectionLost, ConnectionSettings
from syncd.ldapwire.operations import BUSY, LOST, NOT_SENT, UNAVAILABLE, Entry, Operation, Query, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_STALE_SECONDS = 30.0
_PATIENCE = (0.2, 0.5, 1.0)
_ROOT = Query("", attributes=("*", "+"), scope="base")


class Directory:
    """One LDAP connection with counting. `requests` is how many were sent since it was made."""

    def __init__(self, settings: ConnectionSettings, sleep: Callable[[float], None] = time.sleep) -> None:
        self.settings = settings
        self.connection = Connection(settings)
        self.requests = 0
        self._sleep = sleep

    def search(self, query: Query) -> list[Entry]:
        """Every entry that matches, whole. Raises a `TargetError`; `PlaceMissing` without the base."""
        try:
            return self._search(query)
        except ConnectionLost:
            self.connection.open()
        try:
            return self._search(query)
        except ConnectionLost as error:
            raise Unreachable(
                self.settings.name, f"the connection broke twice while reading: {error}"
            ) from error

    def entry(self, dn: str, attributes: Sequence[str] = ("*",)) -> Entry | None:
        """One entry, or None where it does not exist. Raises a `TargetError`."""
        try:
            return next(iter(self.search(Query(dn, attributes=tuple(attributes), scope="base"))), None)
        except PlaceMissing:
            return None

    def write(self, operations: Sequence[Operation]) -> Iterator[Reply]:
        """One reply for each operation, in any order; for operations that do not need each other.

        A server that is busy (51) or unavailable (52) has not written: it is asked again a few times.
        Raises a `TargetError` only before the first write.
        """
        self._wake()
        pending = list(operations)
        for wait in (*_PATIENCE, None):
            again: list[Operation] = []
            for reply in self._write(pending):
                if wait is not None and reply.code in (BUSY, UNAVAILABLE):
                    again.append(reply.operation)
                else:
                    yield reply
            if not again or wait is None:
                return
            self._sleep(wait)
            pending = again

    def root(self) -> Entry:
        """What the server says of itself (RFC 4512 §5.1). Raises a `TargetError`."""
        return next(iter(self.search(_ROOT)), Entry("", {}))

    def close(self) -> None:
        """End the connection."""
        self.connection.close()

    def _search(self, query: Query) -> list[Entry]:
        run = stock.search if self.settings.wire == "stock" else reader.search
        try:
            entries, pages = run(self.connection, query)
        except ConnectionLost:
            traffic.count(self.settings.name, "search", traffic.NO_ANSWER)
            raise
        self.requests += pages
        return entries

    def _write(self, operations: Sequence[Operation]) -> Iterator[Reply]:
        self.requests += len(operations)
        run = stock.write if self.settings.wire == "stock" else writer.write
        for reply in run(self.connection, operations):
            if reply.code != NOT_SENT:
                result = traffic.NO_ANSWER if reply.code == LOST else reply.code
                traffic.count(self.settings.name, type(reply.operation).__name__.lower(), result)
            yield reply

    def _wake(self) -> None:
        """Find out by a harmless read whether a long silent connection still stands."""
        if self.connection.idle_seconds > _STALE_SECONDS:
            self.root()
        _ = self.connection.raw


def equals(attribute: str, value: str) -> str:
    """A filter for one value, escaped (RFC 4515 §3)."""
    escaped = "".join(f"\\{ord(char):02x}" if char in "\\*()\x00" else char for char in value)
    return f"({attribute}={escaped})"


def any_of(filters: Sequence[str]) -> str:
    """A filter that matches where one of these does."""
    return f"(|{''.join(filters)})" if len(filters) != 1 else filters[0]
