"""Server processes on loopback: started, awaited, recognised and ended by pid, also by a later command.

A pid alone may be another program's by now, so every pid is kept with the moment its process was born. A port
alone may be another server's, so one counts as ours only if the process we started owns the listening socket.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import random
import signal
import socket
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LOOPBACK = "127.0.0.1"
# Below the range of outgoing connections (32768 and up), where a port found free may be taken at any moment.
PORTS = range(20_000, 32_000)
LISTENING = "0A"
# A process that was given a port has locked the byte of that number here, as long as it lives (fcntl(2)).
GIVEN = Path(tempfile.gettempdir()) / f"syncd-ports-{os.getuid()}"
_children: set[int] = set()
_given: set[int] = set()
_guard = threading.Lock()


class ServerFailed(RuntimeError):
    """A server did not start, stop or answer; the message ends with the last lines of its log."""


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process and when it was born (clock ticks since boot): a reused number is not taken for it."""

    number: int
    born: int

    @classmethod
    def of(cls, number: int) -> ProcessId:
        """Raises ServerFailed if no such process lives."""
        stat = _stat(number)
        if stat is None:
            raise ServerFailed(f"process {number} ended as soon as it was started")
        return cls(number, stat.born)

    def alive(self) -> bool:
        _reap(self.number)
        stat = _stat(self.number)
        return stat is not None and stat.state != "Z" and stat.born == self.born


@dataclass(frozen=True, slots=True)
class _Stat:
    state: str
    group: int
    born: int


def _stat(number: int) -> _Stat | None:
    try:
        text = Path(f"/proc/{number}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in brackets may hold blanks and brackets: what follows the last one is regular (proc(5)).
    fields = text.rpartition(") ")[2].split()
    return _Stat(state=fields[0], group=int(fields[2]), born=int(fields[19]))


def launch(
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    user: str | None = None,
) -> ProcessId:
    """Start a server that outlives this command, in a session and process group of its own."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            cwd=directory,
            start_new_session=True,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
    _children.add(child.pid)
    child.returncode = 0  # it may outlive us, which Popen would complain of at our end
    return ProcessId.of(child.pid)


def _reap(child: int) -> None:
    """One that has ended would stay a zombie until this program ends."""
    with _guard:
        if child in _children and os.waitpid(child, os.WNOHANG) != (0, 0):
            _children.discard(child)


def end(process: ProcessId, *, patience: float, how: signal.Signals = signal.SIGTERM) -> None:
    """Ask the process to end; after `patience` seconds kill it with all that it started."""
    if not process.alive():
        return
    with contextlib.suppress(ProcessLookupError):  # it may end by itself right now
        os.kill(process.number, how)
    if not _within(patience, lambda: not process.alive()):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.number, signal.SIGKILL)
        if not _within(60, lambda: not process.alive()):
            raise ServerFailed(f"process {process.number} does not end even when killed")


def await_ready(
    name: str, process: ProcessId, ready: Callable[[], bool], *, log: Path, seconds: float
) -> None:
    """Wait until `ready()`; raises ServerFailed as soon as the process has ended, or after `seconds`."""
    if not _within(seconds, lambda: not process.alive() or ready()):
        raise ServerFailed(
            f"{name} is not ready after {seconds:.0f} s. Last lines of {log}:\n{last_lines(log)}"
        )
    if not process.alive():
        raise ServerFailed(f"{name} ended while starting. Last lines of {log}:\n{last_lines(log)}")


def last_lines(log: Path, count: int = 25) -> str:
    try:
        lines = log.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return "  (no log)"
    return "\n".join(f"  {line}" for line in lines[-count:])


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    limit = time.monotonic() + seconds
    pause = 0.01
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(pause)
        pause = min(pause * 1.3, 0.25)
    return True


def free_port() -> int:
    """A loopback port nobody listens on now, given to nobody else of this account while this process lives.

    Strangers may take it all the same: whoever starts a server on it still has to check who got it.
    """
    for _ in range(200):
        port = random.choice(PORTS)
        if _take(port) and port_is_free(port):
            return port
    raise ServerFailed(f"no free port found on {LOOPBACK} between {PORTS.start} and {PORTS.stop}")


def _take(port: int) -> bool:
    """Whether nobody, this process included, was given the port before; it is given then."""
    with _guard:
        if port in _given:
            return False
        try:
            fcntl.lockf(_ledger(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            return False
        _given.add(port)
        return True


@functools.cache
def _ledger() -> int:
    return os.open(GIVEN, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port is not taken by the closed connections of the server that had it before.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def listens(process: ProcessId, port: int) -> bool:
    """Whether the process, or one of its group, is the one that listens on the port."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    return bool(sockets) and any(sockets & _open_files(member) for member in _group(process.number))


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(FileNotFoundError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(fields[9])
    return found


def _group(leader: int) -> list[int]:
    numbers = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [number for number in numbers if (stat := _stat(number)) is not None and stat.group == leader]


def _open_files(number: int) -> set[str]:
    found: set[str] = set()
    with contextlib.suppress(FileNotFoundError, PermissionError, ProcessLookupError):
        for entry in Path(f"/proc/{number}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found.add(str(entry.readlink()))
    return found
