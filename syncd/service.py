"""A process that serves: signals as events, words to systemd, one process per store.

The notify protocol is one datagram (sd_notify(3)); a library for it would be longer than it.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import time
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from syncd.errors import Busy, StoreError
from syncd.store.database import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

BEAT = 5.0  # seconds between two signs of life of the main loop
STOP, RELOAD, NOW, CHANGED = "stop", "reload", "now", "changed"
SIGNALS = {
    signal.SIGTERM: STOP,
    signal.SIGINT: STOP,
    signal.SIGHUP: RELOAD,
    signal.SIGUSR1: NOW,
}


class Events:
    """What the main loop waits for; anybody may add, signal handlers too."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[str] = SimpleQueue()  # its put may interrupt another put

    def add(self, event: str) -> None:
        """Let the main loop see `event` next."""
        self._queue.put(event)

    def next(self) -> str:
        """The next event, "" where none came within a beat."""
        try:
            return self._queue.get(timeout=BEAT)
        except Empty:
            return ""

    def listen(self) -> None:
        """Make events of signals, from now to the end of the process."""
        for number in SIGNALS:
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _frame: object) -> None:
        self.add(SIGNALS[signal.Signals(number)])


def tell_systemd(*words: str) -> None:
    """Send `READY=1` and the like to whoever started this process, if it wants to know."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        path = "\0" + address[1:] if address.startswith("@") else address
        channel.sendto("\n".join(words).encode(errors="replace"), path)


def monotonic_usec() -> str:
    """The field that systemd wants beside RELOADING=1."""
    return f"MONOTONIC_USEC={time.monotonic_ns() // 1000}"


@contextmanager
def only_one(store: str) -> Iterator[None]:
    """Be the only daemon on a SQLite store; raises `Busy` where there is one.

    On PostgreSQL the lease of each mapping keeps daemons apart, whatever machine they are on.
    """
    database = parse(store)
    if database.get_backend_name() != "sqlite":
        yield
        return
    file = Path(f"{database.database}.daemon")
    try:
        handle = file.open("a+")
    except OSError as error:
        raise StoreError(f"{file} cannot be written: {error.strerror}", "look at owner and mode") from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            handle.seek(0)
            pid = handle.read().strip() or "unknown"
            raise Busy(f"a daemon works on this store already, process {pid}", f"it holds {file}") from error
        handle.truncate(0)
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        yield
