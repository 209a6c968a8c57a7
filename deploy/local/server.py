"""What every local server has in common: a directory that remembers its ports, secrets and process.

The directory is the server: whoever opens it, in this command or a later one, finds the running process and
its addresses, and can stop it or start it again with its data.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Self

from deploy.local.process import (
    ProcessId,
    ServerFailed,
    await_ready,
    end,
    free_port,
    launch,
    listens,
    port_is_free,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

TRIES_FOR_PORTS = 3


class Server(ABC):
    """One server on loopback, kept in `directory`; start, stop and restart work from any process."""

    name: ClassVar[str]
    port_names: ClassVar[tuple[str, ...]]
    secret_names: ClassVar[tuple[str, ...]] = ()
    seconds_to_start: ClassVar[float] = 120  # each needs one or two, but the machine may be busy
    seconds_to_stop: ClassVar[float] = 60
    stops_on: ClassVar[signal.Signals] = signal.SIGTERM
    user: ClassVar[str | None] = None

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.log = self.directory / "log"
        self._record = self.directory / "server.json"

    @abstractmethod
    def make(self) -> None:
        """Make the server's data; called once, before the first start, with ports and secrets known."""

    @abstractmethod
    def command(self) -> Sequence[str | Path]:
        """The command that runs the server in the foreground on its ports."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether the server, known to listen, is ready to serve."""

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients reach it."""

    def environment(self) -> Mapping[str, str]:
        return {}

    def start(self) -> Self:
        """Start it unless it runs; data and ports are kept. Raises ServerFailed with the end of its log."""
        with self._alone():
            if not self.alive():
                self.make_once()
                self._launched()
        return self

    def stop(self) -> None:
        """End the process we started, if it still runs; data is kept."""
        process = self.process()
        if process is not None:
            end(process, patience=self.seconds_to_stop, how=self.stops_on)
            self._remember(process=None)

    def restart(self) -> Self:
        self.stop()
        return self.start()

    def wipe(self) -> None:
        """Stop it and remove its data."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def alive(self) -> bool:
        process = self.process()
        return process is not None and process.alive()

    def process(self) -> ProcessId | None:
        kept = self._kept().get("process")
        return None if kept is None else ProcessId(kept["pid"], kept["born"])

    def since(self) -> float | None:
        """When the process was started, seconds since 1970."""
        kept = self._kept().get("process")
        return None if kept is None else kept["since"]

    def port(self, name: str) -> int:
        return int(self._entry("ports", name))

    def secret(self, name: str) -> str:
        return str(self._entry("secrets", name))

    def _entry(self, section: str, name: str) -> Any:
        try:
            return self._kept()[section][name]
        except KeyError:
            raise ServerFailed(
                f"{self.name} in {self.directory} was never started, so it has no {name} yet"
            ) from None

    def make_once(self) -> None:
        """Choose ports and secrets and make the data, unless an earlier call completed it."""
        if self._kept().get("made"):
            return
        self._remember(
            ports={name: self.new_port(name) for name in self.port_names},
            secrets={name: self.new_secret(name) for name in self.secret_names},
        )
        self.make()
        self._remember(made=True)

    def new_port(self, _name: str) -> int:
        return free_port()

    def new_secret(self, _name: str) -> str:
        return secrets.token_urlsafe(18)

    def _launched(self) -> None:
        """Start on the remembered ports; on others only if somebody else took one in the meantime."""
        for attempt in range(1, TRIES_FOR_PORTS + 1):
            taken = [name for name in self.port_names if not port_is_free(self.port(name))]
            if taken:
                ports = self._kept()["ports"]
                self._remember(ports={**ports, **{name: self.new_port(name) for name in taken}})
            process = launch(
                self.command(),
                log=self.log,
                environment=self.environment(),
                directory=self.directory,
                user=self.user,
            )
            self._remember(process={"pid": process.number, "born": process.born, "since": time.time()})
            try:
                await_ready(self.name, process, self._ready, log=self.log, seconds=self.seconds_to_start)
            except ServerFailed:
                self.stop()
                lost_a_port = any(not port_is_free(self.port(name)) for name in self.port_names)
                if not lost_a_port or attempt == TRIES_FOR_PORTS:
                    raise
            else:
                return

    def _ready(self) -> bool:
        process = self.process()
        ours = process is not None and all(listens(process, self.port(name)) for name in self.port_names)
        return ours and self.answers()

    def _kept(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self._record.read_text()))
        except FileNotFoundError:
            return {}

    def _remember(self, **entries: object) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        new = self._record.with_suffix(f".{os.getpid()}")
        new.touch(mode=0o600)
        new.write_text(json.dumps({**self._kept(), **entries}, indent=1))
        new.replace(self._record)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Two commands that start the same server take turns; the second then finds it running."""
        with locked(self.directory / "lock"):
            yield


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path` across processes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
