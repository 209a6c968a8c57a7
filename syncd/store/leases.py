"""Only one run at a time works on a mapping, or on a part of it, whoever started it and wherever.

A lease is a row with an end. Taking it raises its token, and every write of a run is checked against
the token under which the run started, in the same transaction: a process that slept through its
lease and wakes up finds that its writes no longer count (a fencing token). Servers know no tokens:
before each write to one, `may_write` asks the clock whether the lease can have been taken over.

Parts of a mapping (see `parts`) have leases of their own and work side by side; a run of the whole keeps
all of them out, and they keep it out. Whoever takes a lease locks the row of the whole first, so that two
who exclude each other meet there, and fences whatever may still wake up and write what is theirs now.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, or_, select, update

from syncd.errors import Busy, StoreError
from syncd.store import tables
from syncd.store.parts import is_of, own
from syncd.store.processes import is_gone, this_process

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from syncd.store.database import Database

_RENEWALS_PER_TTL = 3
TURN = timedelta(minutes=1)
"""How long no part begins anew after a run of the whole has met one: or it would never get its turn."""


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
    def lease(self, mapping: str, holder: str, ttl: timedelta, part: str = "") -> Iterator[Lease]:
        """Hold the mapping, or a part of it; raises Busy, naming the holder and since when.

        An expired lease is taken over, and so is one whose process is certainly gone.
        """
        asked, name = _elapsed(), own(mapping, part)
        lease = Lease(self, name, self._take(mapping, part, holder, ttl), asked + ttl.total_seconds(), ttl)
        with self._guard:
            self._held[name] = lease
        lease.start_keeping()
        try:
            yield lease
        finally:
            lease.stop_keeping()
            with self._guard:
                self._held.pop(name, None)
            self._give_back(lease)

    def held_token(self, mapping: str, part: str = "") -> int | None:
        """The token of the lease that this store object holds on the mapping or the part, if it does."""
        with self._guard:
            lease = self._held.get(own(mapping, part))
        return lease.token if lease is not None else None

    def may_write(self, mapping: str, part: str = "") -> bool:
        """Whether servers may be written to: not by a run that stood still until its lease had run out.

        Asked right before each write, without a look at the database. What is no run has no lease.
        """
        with self._guard:
            lease = self._held.get(own(mapping, part))
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
        runs = tables.runs.c
        started = select(runs.token, runs.part).where(runs.id == run, runs.mapping == mapping)
        found = connection.execute(started).one_or_none()
        if found is None or found.token is None:
            raise StoreError(f"run {run!r} was not started under the lease of {mapping}, so it may not write")
        row = _lease_row(connection, own(mapping, found.part), lock=True)
        if row is None or row.token != found.token:
            return self._taken_over(own(mapping, found.part), row)
        return None

    def _take(self, mapping: str, part: str, holder: str, ttl: timedelta) -> int:
        """The token of the lease just taken; whatever it excludes has lost its own."""
        name = own(mapping, part)
        with self._database.writing() as connection:
            blank = {"holder": None, "process": None, "since": None, "expires": None, "token": 0}
            missing = [{"mapping": one, **blank} for one in dict.fromkeys((mapping, name))]
            self._database.insert_missing(connection, tables.leases, missing)
            whole = _lease_row(connection, mapping, lock=True)
            rows = [whole, *_rows_of(connection, mapping, name)]
            now = self._database.now(connection)
            busy = _held_by(rows, now) or _turn_of_the_whole(whole, part, now)
            if busy is None:
                return self._taken(connection, rows, name, holder, now, ttl)
            if not part and whole is not None and whole.holder is None:
                connection.execute(_of(mapping).values(expires=now + TURN))
        raise busy

    def _taken(  # noqa: PLR0913, PLR0917 - the row, and what stands in it from now on
        self,
        connection: Connection,
        rows: Sequence[Row[Any] | None],
        name: str,
        holder: str,
        now: datetime,
        ttl: timedelta,
    ) -> int:
        token = 1
        for row in filter(None, rows):
            if row.mapping == name:
                token = row.token + 1
                times = {"since": now, "expires": now + ttl}
                taken = {"holder": holder, "process": this_process(), "token": token, **times}
                connection.execute(_of(name).values(**taken))
            else:
                freed = {"holder": None, "process": None, "since": None, "expires": None}
                connection.execute(_of(row.mapping).values(**freed, token=row.token + 1))
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


def _rows_of(connection: Connection, mapping: str, name: str) -> Sequence[Row[Any]]:
    """The rows, locked, beside that of the whole which somebody who takes `name` has to look at."""
    leases = tables.leases
    which = is_of(leases.c.mapping, mapping) if name == mapping else (leases.c.mapping == name)
    return connection.execute(select(leases).where(which).with_for_update()).all()


def _held_by(rows: Sequence[Row[Any] | None], now: datetime) -> Busy | None:
    """What is to be raised where somebody holds one of these."""
    for row in rows:
        state = _state(row)
        if state is not None and state.expires > now and not is_gone((row and row.process) or ""):
            return _busy(state)
    return None


def _turn_of_the_whole(whole: Row[Any] | None, part: str, now: datetime) -> Busy | None:
    """A lease without a holder that has an end is kept for a run of the whole, which came too early."""
    if not part or whole is None or whole.holder is not None or (whole.expires or now) <= now:
        return None
    return Busy(f"a run of all of {whole.mapping} waits for its turn", "parts go on after it")


def live_lease(connection: Connection, mapping: str, now: datetime) -> LeaseState | None:
    """The lease that holds at `now`, if any; a part's by its name."""
    state = _state(_lease_row(connection, mapping, lock=False))
    return state if state is not None and state.expires > now else None


def any_lease(connection: Connection, mapping: str, now: datetime) -> LeaseState | None:
    """A lease on the mapping or on one of its parts that holds at `now`, if any."""
    name = tables.leases.c.mapping
    rows = connection.execute(select(tables.leases).where(or_(name == mapping, is_of(name, mapping)))).all()
    states = filter(None, map(_state, rows))
    return next((state for state in states if state.expires > now), None)


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
