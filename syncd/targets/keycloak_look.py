"""A look at a realm: one request for its admin events, to see whether somebody else changed something.

Events become visible when their transaction ends, a little out of order: they are asked for again as far
back as `OVERLAP`, and those seen before are told by their ids. One that comes later still is left to the
next run, which looks further back.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from syncd.errors import TargetError
from syncd.targets.hints import Hints, hints_of
from syncd.targets.keycloak_connection import claims_of
from syncd.targets.keycloak_events import Event, doubts_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from syncd.targets.keycloak_connection import KeycloakConnection

OVERLAP = 60_000  # ms: of events that show late, and of clocks of several nodes
MOST = 10_000  # events from which on no look can tell what all of them were
ASSURED = 3_600.0  # seconds until the realm is asked again whether it keeps events at all


class KeycloakLook:
    """Looks at one realm, from the events after `since` on; `connect` gives a connection to it."""

    def __init__(
        self,
        connect: Callable[[], KeycloakConnection],
        since: datetime,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._connection: KeycloakConnection | None = None
        self._first = self._since = self._next = int(since.timestamp() * 1000)
        self._seen: frozenset[str] = frozenset()
        self._met: frozenset[str] = frozenset()
        self._assured = -ASSURED
        self._gap = False  # whether there was a time without events
        self._issued = (0, 0.0)  # of the token: by the server's clock in ms, and when it was first seen

    def look(self) -> Hints:
        """As `Look.look`; `TargetError` too where the realm keeps no events."""
        connection = self._connection or self._connect()
        self._connection = connection
        claims = claims_of(connection.login())
        now = self._now(int(claims["iat"]) * 1000)
        self._assure(connection)
        found = connection.get("admin-events", first=0, max=MOST, dateFrom=self._since)
        self._met = frozenset(one["id"] for one in found)
        self._next = self._first if abs(now - self._first) < OVERLAP else now - OVERLAP
        own = claims.get("sub")
        foreign = [
            Event.of(one)
            for one in found
            if one["id"] not in self._seen and (own is None or one["authDetails"].get("userId") != own)
        ]
        if self._gap:
            return Hints("the realm kept no admin events for a while")
        if foreign and len(found) >= MOST:
            return Hints(f"there are {MOST} events or more")
        return hints_of(doubts_of(foreign))

    def settle(self) -> None:
        """As `Look.settle`."""
        self._since, self._seen, self._gap = self._next, self._met, False

    def close(self) -> None:
        """As `Look.close`."""
        connection, self._connection = self._connection, None
        self._assured = -ASSURED
        if connection is not None:
            connection.close()

    def _now(self, issued: int) -> int:
        """The server's time in ms, or somewhat before."""
        if issued != self._issued[0]:
            self._issued = issued, self._clock()
        return issued + int((self._clock() - self._issued[1]) * 1000)

    def _assure(self, connection: KeycloakConnection) -> None:
        """Without the record of events its list is empty, which looks like no change."""
        if self._clock() - self._assured < ASSURED:
            return
        if connection.get().get("adminEventsEnabled") is not True:
            self._gap = True
            raise TargetError(
                connection.name,
                f"the realm {connection.realm} keeps no admin events",
                "`syncd bootstrap` turns them on; until then changes by hand wait for a scheduled run",
            )
        self._assured = self._clock()
