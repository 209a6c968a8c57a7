"""Runs of a large installation in one process, on a real store over servers in memory: what they take.

    python -m tests.bench size                          one mapping of 300,000 memberships, then 100 of 3,000
    python -m tests.bench size --mappings 1 --roots 20  one mapping of 20 root units, run whole
    python -m tests.bench size --mappings 1 --roots 20 --split       the same, run in parts
    python -m tests.bench size --memberships 100000     the same, smaller
    python -m tests.bench size --store postgresql://…   an empty database instead of a SQLite file

First load, nothing to do, 1 % changed; each of them every mapping once, through what the daemon goes through.
A mapping in parts has two rows for each: the run of what belongs to no root unit, and those of its root units
one after the other; its first load is whole.

Memory is the most that was resident during the stage, with what was resident when it began, which is the
program, the servers in memory, and what earlier stages of the process left: the files in force, and memory
freed that the system has not got back. Processor time is without that of the servers, which elsewhere run on
other machines. Requests and writes are judged.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from unittest import mock

from sqlalchemy import create_engine, text

from syncd.app import App, connections
from syncd.app.in_force import InForce
from syncd.settings import load as load_settings
from tests.bench.large import ACCOUNTS_PER_REQUEST, Company, Everybody, LargeTarget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from syncd.model import RunReport

FIRST, NOTHING, CHANGED = "first load", "nothing to do", "1 % changed"
WHOLE, TRUNK, ROOTS = "whole", "what is of none", "root units"
PER_PERSON = 3  # memberships
MEMBERS = 30  # of one team
TABLES = ("ledger", "audit", "persons", "person_names", "person_pins")
MIB = 1 << 20
MEMBERSHIPS = 300_000


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage over all mappings: what it cost, what the servers saw and what the store holds after it.

    `people` counts whoever is in two mappings twice; `start`, `peak` and `store` are MiB, `cpu` and `servers`
    seconds of the processor.
    """

    what: str
    of: str
    roots: int
    mappings: int
    memberships: int
    containers: int
    people: int
    swaps: int
    cpu: float
    servers: float
    wall: float
    start: float
    peak: float
    requests: int
    writes: int
    store: float
    rows: dict[str, int]


Measured: TypeAlias = "tuple[list[Stage], list[str]]"


class Installation:
    """A folder with syncd.yaml, mappings, and the servers in memory that each mapping's output is."""

    def __init__(self, folder: Path, companies: Sequence[Company], people: int, store: str = "") -> None:
        self._folder = folder
        self._url = store or f"sqlite:///{folder}/syncd.db"
        self.companies = companies
        self.split = any(one.split for one in companies)
        self._everybody = Everybody.of(people, "keycloak")
        self.targets: dict[str, LargeTarget] = {}
        self._asked: dict[str, list[str]] = defaultdict(list)
        for name, secret in (("syncd.key", "6b" * 32), ("kc", "unused")):
            (folder / name).write_text(secret)
            (folder / name).chmod(0o600)
        named = "".join(f"  {one.name}: {{from: {one.name}}}\n" for one in companies)
        (folder / "syncd.yaml").write_text(
            f"environment: bench\nstore: {self._url}\nintegrity_key: {{file: syncd.key}}\nconnections:\n"
            "  sso: {type: keycloak, url: 'http://127.0.0.1:1', realm: r, client_id: c, "
            f"client_secret: {{file: kc}}}}\nmappings:\n{named}"
        )
        self.write()
        self._by_hand = App(load_settings(folder / "syncd.yaml"))
        self._by_hand.db_upgrade()
        self._daemon = InForce(folder / "syncd.yaml", lambda: False)

    def write(self, *, changed: bool = False) -> None:
        """Every mapping's file; `changed` as 1 % of its memberships differs."""
        for one in self.companies:
            one.write(self._folder / one.name, changed=changed)

    def confirm(self, name: str) -> Iterator[RunReport]:
        """The first run of a mapping, as a person confirms it."""
        yield self._by_hand.apply(name, None, confirmed=True, actor="bench")

    def run(self, name: str) -> Iterator[RunReport]:
        """A run as the daemon makes one; what it asks for runs by `run_parts`."""
        yield self._daemon.run(name, "schedule", ask=self._asked[name].extend)

    def run_parts(self, name: str) -> Iterator[RunReport]:
        """The root units that the run before asked for, one after the other."""
        for part in self._asked.pop(name):
            yield self._daemon.run(name, "schedule", part)

    @contextmanager
    def served(self) -> Iterator[None]:
        """While it lasts, outputs are the servers in memory."""

        def target(
            _settings: Any, _compiled: Any, output: str, _connection: str, marker: str, **_: Any
        ) -> LargeTarget:
            if marker not in self.targets:
                self.targets[marker] = LargeTarget(output, self._everybody, marker=marker)
            return self.targets[marker]

        with mock.patch.object(connections, "target", target), closing(self._by_hand):
            yield

    def counted(self) -> tuple[int, int, float]:
        """Requests, writes and processor seconds of the servers since the start."""
        targets = self.targets.values()
        return (
            sum(one.requests for one in targets),
            sum(one.writes for one in targets),
            sum(one.seconds for one in targets),
        )

    def held(self) -> tuple[float, dict[str, int]]:
        """How many MiB the store takes, and how many rows its larger tables have."""
        engine = create_engine(self._url)
        size = "pg_database_size(current_database())"
        if engine.dialect.name == "sqlite":
            size = "page_count * page_size from pragma_page_count(), pragma_page_size()"
        with engine.connect() as connection:
            rows = {name: connection.scalar(text(f"select count(*) from {name}")) or 0 for name in TABLES}
            taken = connection.scalar(text(f"select {size}")) or 0
        engine.dispose()
        return taken / MIB, rows


def measure(memberships: int, shapes: Sequence[int], store: str = "", **of_each: Any) -> Measured:
    """Every stage for so many memberships, in so many mappings each: figures, and what was too dear.

    `of_each` is what `companies` may be told of each mapping.
    """
    found: list[Stage] = []
    faults: list[str] = []
    for mappings in shapes:
        with tempfile.TemporaryDirectory(prefix="syncd-size-") as temporary:
            people = memberships // PER_PERSON
            all_ = companies(mappings, memberships, people, **of_each)
            for stage in stages(Installation(Path(temporary), all_, people, store)):
                sys.stderr.write(f"{stage}\n")  # a large one takes minutes
                found.append(stage)
                faults += faults_of(stage)
    return found, faults


def companies(
    mappings: int, memberships: int, people: int, *, roots: int = 1, split: bool = False
) -> list[Company]:
    """So many mappings of the same size, whose people are the next ones in turn."""
    share = memberships // mappings
    return [
        Company(f"m{number:03d}", share // MEMBERS, MEMBERS, people, number * share, roots, split)
        for number in range(mappings)
    ]


def stages(installation: Installation) -> Iterator[Stage]:
    """First load, nothing to do, 1 % changed."""
    with installation.served():
        yield _stage(installation, FIRST, WHOLE, installation.confirm)
        yield from _runs(installation, NOTHING)
        installation.write(changed=True)
        yield from _runs(installation, CHANGED)


def _runs(installation: Installation, what: str) -> Iterator[Stage]:
    if not installation.split:
        yield _stage(installation, what, WHOLE, installation.run)
        return
    yield _stage(installation, what, TRUNK, installation.run)
    yield _stage(installation, what, ROOTS, installation.run_parts)


def _stage(
    installation: Installation, what: str, of: str, run: Callable[[str], Iterator[RunReport]]
) -> Stage:
    gc.collect()
    _forget_peak()
    before, cpu, wall = installation.counted(), time.process_time(), time.perf_counter()
    start = _resident("VmRSS")
    for one in installation.companies:
        for report in run(one.name):
            assert report.exit_code == 0, report.message
    taken, passed = time.process_time() - cpu, time.perf_counter() - wall
    requests, writes, servers = (now - then for now, then in zip(installation.counted(), before, strict=True))
    store, rows = installation.held()
    all_ = installation.companies
    return Stage(
        what=what,
        of=of,
        roots=sum(one.roots for one in all_),
        mappings=len(all_),
        memberships=sum(one.memberships for one in all_),
        containers=sum(one.containers for one in all_),
        people=sum(one.named for one in all_),
        swaps=sum(one.swaps for one in all_),
        cpu=taken - servers,
        servers=servers,
        wall=passed,
        start=start,
        peak=_resident("VmHWM"),
        requests=requests,
        writes=writes,
        store=store,
        rows=rows,
    )


def faults_of(stage: Stage) -> Iterator[str]:
    """What a stage asked or wrote beyond the least; reads grow with the containers, and with nothing else.

    Whoever is seen in no group is looked up: at first everybody, later whoever joins, and everybody again
    where accounts alone are read.
    """
    facts = stage.memberships + stage.containers
    writes = {FIRST: facts, NOTHING: 0, CHANGED: 0 if stage.of == TRUNK else 2 * stage.swaps}[stage.what]
    if stage.writes != writes:
        yield f"expected {writes} writes: {stage}"
    runs = stage.roots if stage.of == ROOTS else stage.mappings
    reads = 2 * runs
    if stage.what == FIRST or stage.of == TRUNK:
        reads += stage.people // ACCOUNTS_PER_REQUEST + stage.mappings
    else:
        reads += stage.containers + (runs if stage.what == CHANGED else 0)
    if stage.requests - stage.writes > reads:
        yield f"expected {reads} reads: {stage}"


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", "utf-8")


def _resident(field: str) -> float:
    """MiB, now or at the most; proc_pid_status(5)."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def document(stages: Sequence[Stage]) -> dict[str, Any]:
    """The figures for a machine."""
    return {"stages": [asdict(one) for one in stages]}


def table(stages: Sequence[Stage]) -> list[tuple[str, ...]]:
    """The figures for people, a row each."""
    head = (
        "mappings of memberships",
        "run",
        "of",
        "cpu s",
        "wall s",
        "start MiB",
        "peak MiB",
        "requests",
        "writes",
        "store MiB",
    )
    return [(*head, *TABLES), *map(_row, stages)]


def _row(one: Stage) -> tuple[str, ...]:
    return (
        f"{one.mappings:,} of {one.memberships // one.mappings:,}",
        one.what,
        one.of,
        f"{one.cpu:.1f}",
        f"{one.wall:.1f}",
        f"{one.start:.0f}",
        f"{one.peak:.0f}",
        f"{one.requests:,}",
        f"{one.writes:,}",
        f"{one.store:.1f}",
        *(f"{one.rows[name]:,}" for name in TABLES),
    )
