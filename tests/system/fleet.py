"""Several daemons on one PostgreSQL, what is done to them, and what their evidence says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, text

from syncd.store import open_store
from syncd.store.database import parse
from tests.contract.store.facts import KEY
from tests.system.site import REPOSITORY, kept_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.local.servers import Postgres

MEMBER = Path(__file__).with_name("fleet_member.py")
PATIENCE = 300  # seconds for what takes a few; a busy machine is no fault of the fleet


@dataclass(frozen=True)
class Line:
    at: float
    pid: int
    what: str
    mapping: str
    token: int


@dataclass
class Judgement:
    """What the evidence says, by mapping."""

    overlaps: list[str] = field(default_factory=list)  # writes of a run after another one had begun
    stalest: float = 0.0  # the longest time between two successes, in periods
    runs: int = 0
    successes: int = 0
    fenced: int = 0  # runs that woke up too late and wrote nothing more
    never: list[str] = field(default_factory=list)


def cut(url: str) -> int:
    """End every session that syncd has on a database, whatever it does; how many there were."""
    engine = create_engine(parse(url), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        ended = connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND application_name LIKE 'syncd%'"
            )
        ).all()
    engine.dispose()
    return len(ended)


class Fleet:
    """Processes by what they do; `kill`, `freeze` and the like are done to one of them."""

    def __init__(self, folder: Path, postgres: Postgres, mappings: int, period: float) -> None:
        self.folder, self.postgres, self.period = folder, postgres, period
        self.names = [f"m{number:03}" for number in range(mappings)]
        self.evidence = folder / "evidence"
        self.evidence.touch()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.url = postgres.fresh_database()
        self.config = folder / "syncd.yaml"
        (folder / "store").write_text(self.url)
        (folder / "syncd.key").write_bytes(KEY)
        (folder / "one.yaml").write_text("syncd: 1\n")
        self.config.write_text(
            "environment: fleet\nstore: {file: store}\nintegrity_key: {file: syncd.key}\nmappings:\n"
            + "".join(f"  {name}: one.yaml\n" for name in self.names)
        )
        with open_store(self.url, KEY) as store:
            store.upgrade()

    def start(self, *roles: str) -> None:
        """Start one of each role; all of them work, or stand for leader, when this returns."""
        new = {self._start(role).pid for role in roles}
        self.until(lambda lines: new <= {line.pid for line in lines if line.what == "up"})

    def _start(self, role: str) -> subprocess.Popen[bytes]:
        number = len(self.processes)
        with (self.folder / f"{role}-{number}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, str(MEMBER), str(self.evidence), str(self.period), role, str(self.config)],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                env={
                    **os.environ,
                    "PYTHONPATH": str(REPOSITORY),
                    "SYNCD_LISTEN__HEALTH": f"127.0.0.1:{kept_port(self)}",
                },
            )
        self.processes.append(process)
        return process

    def lines(self) -> list[Line]:
        """As far as whole lines are there."""
        whole = self.evidence.read_text().rpartition("\n")[0]
        found = (line.split(" ") for line in whole.splitlines())
        return [Line(float(at), int(pid), what, name, int(token)) for at, pid, what, name, token in found]

    def until(self, met: Callable[[list[Line]], bool]) -> list[Line]:
        limit = time.monotonic() + PATIENCE
        while not met(lines := self.lines()):
            assert time.monotonic() < limit, self.logs()
            time.sleep(0.2)
        return lines

    def logs(self) -> str:
        return "\n".join(
            f"{log.name}: {log.read_text()[-1500:]}" for log in sorted(self.folder.glob("*.log"))
        )

    def without_leader(self, how: signal.Signals) -> tuple[subprocess.Popen[bytes], float]:
        """Send a signal to whoever led last; that process, and the seconds until another one leads."""
        led = [line for line in self.lines() if line.what == "leads"]
        leader = next(process for process in self.processes if process.pid == led[-1].pid)
        began = time.monotonic()
        leader.send_signal(how)
        lines = self.until(lambda lines: sum(line.what == "leads" for line in lines) > len(led))
        return leader, [line.at for line in lines if line.what == "leads"][len(led)] - began

    def again(self, number: int) -> None:
        """Wait until so many mappings have succeeded once more."""
        now = time.monotonic()
        self.until(
            lambda lines: (
                len({line.mapping for line in lines if line.what == "end" and line.at > now}) >= number
            )
        )

    def cut(self) -> int:
        """End every session that the daemons have; how many there were."""
        return cut(self.url)

    def end(self) -> list[int]:
        """The exit codes of all that still live, each told to end."""
        living = [process for process in self.processes if process.poll() is None]
        for process in living:
            process.send_signal(signal.SIGTERM)
        return [process.wait(PATIENCE) for process in living]

    def kill_all(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()

    def judge(self) -> Judgement:
        found = Judgement()
        newest: dict[str, int] = {}
        successes: dict[str, list[float]] = defaultdict(list)
        lines = self.lines()
        for line in lines:
            if line.mapping == "-":
                continue
            if line.token < newest.get(line.mapping, 0) and line.what == "write":
                found.overlaps.append(f"{line}, after the run with token {newest[line.mapping]} had begun")
            newest[line.mapping] = max(line.token, newest.get(line.mapping, 0))
            found.runs += line.what == "begin"
            found.fenced += line.what == "fenced"
            if line.what == "end":
                found.successes += 1
                successes[line.mapping].append(line.at)
        found.never = [name for name in self.names if name not in successes]
        for times in successes.values():
            longest = max(b - a for a, b in pairwise([*times, lines[-1].at]))
            found.stalest = max(found.stalest, longest / self.period)
        return found
