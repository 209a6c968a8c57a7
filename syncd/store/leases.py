"""Only one run at a time works on a mapping, whoever started it and wherever.

A lease is a row with an end. Taking it raises its token, and every write of a run is checked against
the token under which the run started, in the same transaction: a process that slept through its
lease and wakes up finds that its writes no longer count (a fencing token). Servers know no tokens:
before each write to one, `may_write` asks the clock whether the lease can have been taken over.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, select, update

from syncd.errors import Busy, StoreError
from syncd.store import tables
from syncd.store.processes import is_gone, this_process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

    from syncd.store.database import Database

_RENEWALS_PER_TTL = 3


@dataclass(frozen=True, slots=True)
class LeaseState:
    """Who works on a mapping, since when, and until when without another sign of life."""

    mapping: str
    holder: str
    since: datetime
    expires: datetime
    token: int


class Lease:
    """The right to write for one mapping; a thread renews it until the end of the `with` block."""

    def __init__(self, leases: Leases, mapping: str, token: int, until: float, ttl: timedelta) -> None:
        self.mapping = mapping
        self.token = token
        self._leases = leases
        self._ttl = ttl
        self._until = until
        self._ended = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name=f"lease of {mapping}", daemon=True)

    def renew(self) -> None:
        """Prolong by the full time; raises Busy where another run has taken over, so that this one stops."""
        asked = _elapsed()
        self._leases.renew(self.mapping, self.token, self._ttl)
        self._until = asked + self._ttl.total_seconds()

    @property
    def holds(self) -> bool:
        """Whether nobody can have taken over yet, by a clock that goes on while this process stands still."""
        return _elapsed() < self._until

    def start_keeping(self) -> None:
        """Renew now and then in the background: one long read may outlast the lease."""
        self._keeper.start()

    def stop_keeping(self) -> None:
        """End the background renewal."""
        self._ended.set()
        self._keeper.join()

    def _keep(self) -> None:
        pause = self._ttl.total_seconds() / _RENEWALS_PER_TTL
        while not self._ended.wait(pause):
            try:
                self.renew()
            except Busy:
                return  # the run itself learns it from its next claim, record or renew
            except StoreError:
                continue  # the database may be back before the lease ends


class Leases:
    """The leases of all mappings. Tokens only ever rise."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: dict[str, Lease] = {}
        self._guard = threading.Lock()

    @contextmanager
    def lease(self, mapping: str, holder: str, ttl: timedelta) -> Iterator[Lease]:
        """Hold the mapping; raises Busy, naming the holder and since when.

        An expired lease is taken over, and so is one whose process is certainly gone.
        """
        asked = _elapsed()
        lease = Lease(self, mapping, self._take(mapping, holder, ttl), asked + ttl.total_seconds(), ttl)
        with self._guard:
            self._held[mapping] = lease
        lease.start_keeping()
        try:
            yield lease
        finally:
            lease.stop_keeping()
            with self._guard:
                self._held.pop(mapping, None)
            self._give_back(lease)

    def held_token(self, mapping: str) -> int | None:
        """The token of the lease that this store object holds on the mapping, if it does."""
        with self._guard:
            lease = self._held.get(mapping)
        return lease.token if lease is not None else None

    def may_write(self, mapping: str) -> bool:
        """Whether servers may be written to: not by a run that stood still until its lease had run out.

        Asked right before each write, without a look at the database. What is no run has no lease.
        """
        with self._guard:
            lease = self._held.get(mapping)
        return lease is None or lease.holds

    def state(self, mapping: str) -> LeaseState | None:
        """Who holds the mapping now, if anybody does."""
        with self._database.reading() as connection:
            return live_lease(connection, mapping, self._database.now(connection))

    def renew(self, mapping: str, token: int, ttl: timedelta) -> None:
        """Prolong a lease; raises Busy if it is no longer this one."""
        with self._database.writing() as connection:
            row = _lease_row(connection, mapping, lock=True)
            if row is None or row.token != token:
                raise self._taken_over(mapping, row)
            ends = self._database.now(connection) + ttl
            connection.execute(_of(mapping).values(expires=ends))

    def fence(self, connection: Connection, mapping: str, run: str) -> Busy | None:
        """What stands against writing for a run: None while its lease is the newest, else the Busy to raise.

        The lease row stays locked until the caller's transaction ends. Raises StoreError for a run
        that is unknown or was started without the lease.
        """
        row = _lease_row(connection, mapping, lock=True)
        started = select(tables.runs.c.token).where(tables.runs.c.id == run, tables.runs.c.mapping == mapping)
        token = connection.scalar(started)
        if token is None:
            raise StoreError(f"run {run!r} was not started under the lease of {mapping}, so it may not write")
        if row is None or row.token != token:
            return self._taken_over(mapping, row)
        return None

    def _take(self, mapping: str, holder: str, ttl: timedelta) -> int:
        blank = {
            "mapping": mapping,
            "holder": None,
            "process": None,
            "since": None,
            "expires": None,
            "token": 0,
        }
        with self._database.writing() as connection:
            self._database.insert_missing(connection, tables.leases, [blank])
            row = _lease_row(connection, mapping, lock=True)
            now = self._database.now(connection)
            state = _state(row)
            if state is not None and state.expires > now and not is_gone((row and row.process) or ""):
                raise _busy(state)
            token: int = (row.token if row else 0) + 1
            times = {"since": now, "expires": now + ttl}
            taken = {"holder": holder, "process": this_process(), "token": token, **times}
            connection.execute(_of(mapping).values(**taken))
        return token

    def _give_back(self, lease: Lease) -> None:
        mine = _of(lease.mapping).where(tables.leases.c.token == lease.token)
        with self._database.writing() as connection:
            connection.execute(mine.values(holder=None, process=None, since=None, expires=None))

    def _taken_over(self, mapping: str, row: Row[Any] | None) -> Busy:
        state = _state(row)
        by = f" by {state.holder} since {_clock(state.since)}" if state else ""
        return Busy(
            f"the lease of {mapping} ran out and was taken over{by}; this run writes nothing more",
            "the next run finds what this one wrote; was this machine asleep or overloaded?",
        )


def live_lease(connection: Connection, mapping: str, now: datetime) -> LeaseState | None:
    """The lease that holds at `now`, if any."""
    state = _state(_lease_row(connection, mapping, lock=False))
    return state if state is not None and state.expires > now else None


def _lease_row(connection: Connection, mapping: str, *, lock: bool) -> Row[Any] | None:
    query = select(tables.leases).where(tables.leases.c.mapping == mapping)
    return connection.execute(query.with_for_update() if lock else query).one_or_none()


def _state(row: Row[Any] | None) -> LeaseState | None:
    if row is None or row.holder is None:
        return None
    return LeaseState(row.mapping, row.holder, row.since, row.expires, row.token)


def _of(mapping: str) -> Any:
    return update(tables.leases).where(tables.leases.c.mapping == mapping)


def _elapsed() -> float:
    """Seconds since the machine started, its sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _clock(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M:%S} UTC"


def _busy(state: LeaseState) -> Busy:
    return Busy(
        f"{state.mapping} is being worked on by {state.holder} since {_clock(state.since)}",
        f"wait for it; if it died, its lease is free at {_clock(state.expires)}",
    )
