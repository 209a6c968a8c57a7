"""Whole runs of a large installation in one process, on a real store over servers in memory: what they take.

    python -m tests.bench size                          one mapping of 300,000 memberships, then 100 of 3,000
    python -m tests.bench size --memberships 100000     the same, smaller
    python -m tests.bench size --store postgresql://…   an empty database instead of a SQLite file

First load, nothing to do, 1 % changed; each of them every mapping once, through what the daemon goes through.
Memory is the most that was resident during the stage; processor time is without that of the servers, which
elsewhere run on other machines. Requests and writes are judged.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
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
PER_PERSON = 3  # memberships
MEMBERS = 30  # of one team
TABLES = ("ledger", "audit", "persons", "person_names", "person_pins")
MIB = 1 << 20
MEMBERSHIPS = 300_000


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage over all mappings: what it cost, what the servers saw and what the store holds after it.

    `people` counts whoever is in two mappings twice; `peak` and `store` are MiB, `cpu` and `servers` seconds
    of the processor.
    """

    what: str
    mappings: int
    memberships: int
    containers: int
    people: int
    swaps: int
    cpu: float
    servers: float
    wall: float
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
        self._everybody = Everybody.of(people, "keycloak")
        self.targets: dict[str, LargeTarget] = {}
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

    def confirm(self, name: str) -> RunReport:
        """The first run of a mapping, as a person confirms it."""
        return self._by_hand.apply(name, None, confirmed=True, actor="bench")

    def run(self, name: str) -> RunReport:
        """A run as the daemon makes one."""
        return self._daemon.run(name, "schedule")

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


def measure(memberships: int, shapes: Sequence[int], store: str = "") -> Measured:
    """Every stage for so many memberships, in so many mappings each: figures, and what was too dear."""
    found: list[Stage] = []
    faults: list[str] = []
    for mappings in shapes:
        with tempfile.TemporaryDirectory(prefix="syncd-size-") as temporary:
            people = memberships // PER_PERSON
            installation = Installation(
                Path(temporary), companies(mappings, memberships, people), people, store
            )
            for stage in stages(installation):
                sys.stderr.write(f"{stage}\n")  # a large one takes minutes
                found.append(stage)
                faults += faults_of(stage)
    return found, faults


def companies(mappings: int, memberships: int, people: int) -> list[Company]:
    """So many mappings of the same size, whose people are the next ones in turn."""
    share = memberships // mappings
    return [
        Company(f"m{number:03d}", share // MEMBERS, MEMBERS, people, number * share)
        for number in range(mappings)
    ]


def stages(installation: Installation) -> Iterator[Stage]:
    """First load, nothing to do, 1 % changed."""
    with installation.served():
        yield _stage(installation, FIRST, installation.confirm)
        yield _stage(installation, NOTHING, installation.run)
        installation.write(changed=True)
        yield _stage(installation, CHANGED, installation.run)


def _stage(installation: Installation, what: str, run: Callable[[str], RunReport]) -> Stage:
    gc.collect()
    _forget_peak()
    before, cpu, wall = installation.counted(), time.process_time(), time.perf_counter()
    for one in installation.companies:
        report = run(one.name)
        assert report.exit_code == 0, report.message
    taken, passed = time.process_time() - cpu, time.perf_counter() - wall
    requests, writes, servers = (now - then for now, then in zip(installation.counted(), before, strict=True))
    store, rows = installation.held()
    all_ = installation.companies
    return Stage(
        what=what,
        mappings=len(all_),
        memberships=sum(one.memberships for one in all_),
        containers=sum(one.containers for one in all_),
        people=sum(one.named for one in all_),
        swaps=sum(one.swaps for one in all_),
        cpu=taken - servers,
        servers=servers,
        wall=passed,
        peak=_peak(),
        requests=requests,
        writes=writes,
        store=store,
        rows=rows,
    )


def faults_of(stage: Stage) -> Iterator[str]:
    """What a stage asked or wrote beyond the least; reads grow with the containers, and with nothing else."""
    facts = stage.memberships + stage.containers
    writes = {FIRST: facts, NOTHING: 0, CHANGED: 2 * stage.swaps}[stage.what]
    if stage.writes != writes:
        yield f"expected {writes} writes: {stage}"
    reads = 2 * stage.mappings
    if stage.what == FIRST:  # nobody is in a group yet: each person is looked up
        reads += stage.people // ACCOUNTS_PER_REQUEST + stage.mappings
    else:  # whoever joins is in no group yet
        reads += stage.containers + (stage.mappings if stage.what == CHANGED else 0)
    if stage.requests - stage.writes > reads:
        yield f"expected {reads} reads: {stage}"


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", "utf-8")


def _peak() -> float:
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def document(stages: Sequence[Stage]) -> dict[str, Any]:
    """The figures for a machine."""
    return {"stages": [asdict(one) for one in stages]}


def table(stages: Sequence[Stage]) -> list[tuple[str, ...]]:
    """The figures for people, a row each."""
    head = (
        "mappings of memberships",
        "run",
        "cpu s",
        "wall s",
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
        f"{one.cpu:.1f}",
        f"{one.wall:.1f}",
        f"{one.peak:.0f}",
        f"{one.requests:,}",
        f"{one.writes:,}",
        f"{one.store:.1f}",
        *(f"{one.rows[name]:,}" for name in TABLES),
    )
