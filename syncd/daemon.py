"""The daemon: every mapping reconciled when it is due, when its files or its servers change, and when asked.

On a SQLite store one process does all of it. On PostgreSQL any number of them share it: the one that leads
says when mappings are due, and whichever has room carries a run out. A mapping never runs twice at once:
the dispatcher keeps runs of daemons apart, and the lease in the store everybody else's from theirs.
"""

from __future__ import annotations

import math
import threading
from enum import StrEnum
from time import monotonic
from typing import TYPE_CHECKING

import structlog

from syncd.app.files import folder_of
from syncd.app.in_force import InForce
from syncd.app.rosters import csv_files
from syncd.daemon_asks import Asks
from syncd.daemon_clock import Clock
from syncd.daemon_looks import Looks
from syncd.daemon_runs import Runs
from syncd.daemon_telling import Telling
from syncd.dispatch import Trigger
from syncd.dispatch_threads import Threads
from syncd.errors import SyncdError, UsageError
from syncd.health import HEALTH, Check, Listener, Metrics, Pulse
from syncd.reasons import SETTINGS
from syncd.service import (
    BEAT,
    CHANGED,
    NOW,
    RELOAD,
    STOP,
    Events,
    monotonic_usec,
    only_one,
    tell_systemd,
)
from syncd.store.database import parse
from syncd.store.leader import Leader, is_led
from syncd.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from syncd.app.looks import Server
    from syncd.dispatch import Dispatcher
    from syncd.schedule import Rhythm
    from syncd.settings import Settings

CALL_AGAIN = 60.0  # seconds after which a run is asked for again that a lease or a pause kept off
STATUS_LONGEST = 500  # characters of a problem that systemd is told
WORKERS = 4  # mappings reconciled side by side in one process; a run mostly waits for its servers

log = structlog.get_logger("syncd.daemon")


class Role(StrEnum):
    """What a process does."""

    ALL = "all"
    SCHEDULER = "scheduler"  # stands for leader, carries out nothing
    WORKER = "worker"  # carries out, never leads


class Alone:
    """The leader where there is one process only."""

    def __init__(self, gained: Callable[[], None]) -> None:
        self.start = gained

    def leads(self) -> bool:
        """Always."""
        return True

    def stop(self) -> None:
        """Nobody is to be told."""


class Daemon:
    """One process over one operator's file, from `serve` to its end."""

    def __init__(self, config: Path | None, role: Role = Role.ALL) -> None:
        """Raises `SettingsInvalid` where syncd.yaml cannot be used, `UsageError` for a role not for it."""
        self._stopping = threading.Event()
        self._files = InForce(config, self._stopping.is_set)
        self._role = role
        self._store = self._files.settings.store_url().get_secret_value()
        self._shared = parse(self._store).get_backend_name() != "sqlite"
        if role is not Role.ALL and not self._shared:
            raise UsageError(
                f"--role {role} needs a store on PostgreSQL; on SQLite one daemon does everything",
                "leave --role out, or set `store: postgresql://…`: see docs/en/many-machines.md",
            )
        self._events = Events()
        self._changed: set[str] = set()
        self._guard = threading.Lock()
        self._asks = Asks(self._ask)
        self._unplanned = False  # times are still to be made what settings and files say
        self._rosters: dict[str, list[Path]] = {}  # the files that mappings name, as far as is known
        self._told = ""  # the problem that systemd shows
        self._called: dict[str, float] = {}  # what waits for a run, and when one was asked for
        self._metrics = Metrics()
        self._pulse = Pulse(BEAT)
        self._telling = Telling(self._files, self._metrics, self._rhythms)
        self._runs = Runs(self._files, self._metrics, self._stopping.is_set, self._telling.ended, self._ask)
        self._dispatcher: Dispatcher
        self._clock: Clock
        self._looks = Looks(self._files, self._ask_after_look)
        self._leader: Alone | Leader | None = None

    @property
    def settings(self) -> Settings:
        """The operator's file in force."""
        return self._files.settings

    @property
    def metrics(self) -> Metrics:
        """What this process tells of itself; what goes on beside the runs is counted there too."""
        return self._metrics

    def serve(self) -> int:
        """Work until SIGTERM or SIGINT; the exit code. Raises `Busy` where a daemon has the store."""
        settings = self._files.settings
        with only_one(self._store):
            self._files.check_store()
            self._dispatcher = self._made()
            self._clock = Clock(self._files, self._ask_if_leading)
            listener = Listener(settings.listen.health or HEALTH, self._pulse, self._metrics, self._checks)
            self._stood(settings)
            self._judge(settings.mappings)
            watch = Watch(self._watched, self._files_changed)
            self._events.listen()
            listener.start()
            watch.start()
            self._dispatcher.start(self._runs.run)
            self._telling.start()
            self._looks.start()
            self._stand()
            log.info("ready", health=listener.url, role=self._role.value, mappings=list(settings.mappings))
            tell_systemd("READY=1", self._status(f"health on {listener.url}"))
            try:
                self._loop()
            finally:
                self._end(listener, watch)
        return 0

    def _made(self) -> Dispatcher:
        if not self._shared:
            return Threads(WORKERS)
        from syncd.cluster import Queue  # noqa: PLC0415 - procrastinate is of no use on one machine

        return Queue(self._store, 0 if self._role is Role.SCHEDULER else WORKERS)

    def _stand(self) -> None:
        """Say when mappings are due, at once where this process is alone, else once it leads."""
        if not self._shared:
            self._leader = Alone(self._begin)
        elif self._role is not Role.WORKER:
            self._leader = Leader(self._store, self._begin, self._halt)
        if self._leader is not None:
            self._leader.start()

    def _begin(self) -> None:
        self._clock.begin()
        self._looks.begin()

    def _halt(self) -> None:
        self._clock.halt()
        self._looks.halt()

    def _ask_after_look(self, name: str, server: Server) -> None:
        if self._leads() and self._dispatcher.ask(name, Trigger.EVENT):
            self._metrics.wakes.labels(name, server.connection).inc()

    def _ask_if_leading(self, name: str, trigger: Trigger) -> bool:
        """A leader that stood still has been replaced before it knows."""
        return not self._leads() or self._asks.now(name, trigger)

    def _rhythms(self) -> dict[str, Rhythm]:
        """When mappings are due, for whom nobody else watches over that."""
        return self._clock.rhythms() if self._leads() else {}

    def _ask(self, name: str, trigger: Trigger) -> bool:
        return self._dispatcher.ask(name, trigger)

    def _leads(self) -> bool:
        return self._leader is not None and self._leader.leads()

    def _loop(self) -> None:
        while (event := self._events.next()) != STOP:
            self._pulse.beat()
            tell_systemd("WATCHDOG=1")
            if event == RELOAD:
                self._reload(set(self._files.settings.mappings))
            elif event == CHANGED:
                self._reload(self._take_changed())
            elif event == NOW:
                self._asks.keep(self._files.settings.mappings, Trigger.SYNC)
            if self._leads():
                self._answer_calls()
            self._go_on()

    def _end(self, listener: Listener, watch: Watch) -> None:
        """Finish the waves under way; what is left is another run's."""
        tell_systemd("STOPPING=1")
        log.info("ending")
        self._stopping.set()
        watch.stop()
        if self._leader is not None:
            self._leader.stop()
        self._clock.stop()
        self._looks.stop()
        self._dispatcher.stop()
        self._telling.stop()
        listener.stop()
        log.info("ended")

    # --- files ------------------------------------------------------------------------------------

    def _watched(self) -> dict[str, list[Path]]:
        settings = self._files.settings
        sources = list(settings.sources.values())
        watched = {SETTINGS: [settings.file.absolute()]}
        for name, one in settings.mappings.items():
            watched[name] = [one.from_, *self._rosters.get(name, ()), *sources]
        return watched

    def _files_changed(self, names: set[str]) -> None:
        with self._guard:
            self._changed |= names
        self._events.add(CHANGED)

    def _take_changed(self) -> set[str]:
        with self._guard:
            taken, self._changed = self._changed, set()
        return set(self._files.settings.mappings) if SETTINGS in taken else taken

    def _reload(self, names: set[str]) -> None:
        """Read settings and files again, then let the mappings run: a run checks all before it writes."""
        tell_systemd("RELOADING=1", monotonic_usec())
        before = self._files.settings.mappings.keys()
        taken = self._files.reload()
        self._metrics.reload.set(int(taken))
        if taken:
            log.info("reloaded", mappings=sorted(names))
        else:
            log.error(
                "syncd.yaml is invalid, the last valid one stays in force",
                problem=self._runs.problem(SETTINGS),
            )
        now = self._files.settings.mappings.keys()
        for gone in before - now:
            self._metrics.forget(gone)
            self._rosters.pop(gone, None)
        self._judge((names & now) | (now - before))
        self._plan()
        self._looks.plan(names)
        self._telling.reloaded()
        self._asks.keep(names & now, Trigger.EVENT)
        tell_systemd("READY=1", self._status("in force"))

    def _judge(self, names: Iterable[str]) -> None:
        """Say at once whether files can be used: a run may be far off, as where a mapping is paused."""
        settings = self._files.settings
        for name in sorted(names):
            loaded = self._files.judge(name)
            if loaded is not None:
                folder = folder_of(settings.mappings[name].from_)
                self._rosters[name] = csv_files(loaded.document, folder, settings.sources)
            problem = self._runs.problem(name)
            self._metrics.valid.labels(name).set(int(not problem))
            if problem:
                log.error("files are invalid", mapping=name, problem=problem)

    def _plan(self) -> None:
        try:
            self._clock.plan()
            self._unplanned = False
        except SyncdError as error:
            self._unplanned = True
            log.error("times stay as they were", problem=str(error))  # noqa: TRY400 - it says why

    def _status(self, well: str) -> str:
        """The first problem of syncd.yaml and mappings, on one line, for whoever asks systemd."""
        problems = (self._runs.problem(name) for name in (SETTINGS, *self._files.settings.mappings))
        self._told = " ".join(next(filter(None, problems), "").split())[:STATUS_LONGEST]
        return f"STATUS={self._told or well}"

    def _go_on(self) -> None:
        """What each turn of the main loop does besides its event."""
        self._clock.beat()
        if self._unplanned:
            self._plan()
        self._asks.go_on()
        told = self._told
        status = self._status("in force")
        if self._told != told:
            tell_systemd(status)

    def _answer_calls(self) -> None:
        """Let run what people asked for by the API or on the public page; what stays is asked for again."""
        app = self._files.app()
        try:
            called = app.called()
        except SyncdError as error:
            log.error("no calls", problem=str(error))  # noqa: TRY400 - it says why
            return
        finally:
            app.close()
        now = monotonic()
        due = {one for one in called if now - self._called.get(one, -math.inf) > CALL_AGAIN}
        self._called = {one: now if one in due else self._called[one] for one in called}
        self._asks.keep({called[one] for one in due} & self._files.settings.mappings.keys(), Trigger.SYNC)

    # --- how it is --------------------------------------------------------------------------------

    def _stood(self, settings: Settings) -> None:
        """What was so before this process is told until its own runs say otherwise."""
        self._metrics.reload.set(1)
        self._metrics.named(settings.environment, settings.file)
        self._metrics.leader.set_function(self._leads)
        self._metrics.queue.set_function(self._waiting)
        app = self._files.app()
        try:
            self._metrics.succeeded(app.last_successes())
        finally:
            app.close()

    def _waiting(self) -> float:
        """How many runs wait; no number where the database does not say."""
        try:
            return self._dispatcher.waiting()
        except SyncdError:
            return math.nan

    def _led(self) -> Check:
        """Who says when mappings are due; without anybody nothing is."""
        if self._leads():
            return Check("ok", "this process")
        try:
            led = is_led(self._store)
        except SyncdError as error:
            return Check("warn", str(error))
        return Check("ok", "another process") if led else Check("warn", "nobody: no mapping becomes due")

    def _checks(self) -> dict[str, Check]:
        return dict(self._lines())

    def _lines(self) -> Iterator[tuple[str, Check]]:
        app = self._files.app()
        try:
            app.timing()
            yield "store", Check("ok")
        except SyncdError as error:
            yield "store", Check("fail", str(error))
        finally:
            app.close()
        settings = self._runs.problem(SETTINGS)
        yield "settings", Check("warn" if settings else "ok", settings)
        for name in self._files.settings.mappings:
            problem, standing = self._runs.problem(name), self._files.standing(name)
            rules = standing or self._role is Role.SCHEDULER  # which has none in force, ever
            status = "ok" if not problem else "warn" if rules else "fail"
            yield f"mapping {name}", Check(status, problem)
            last = self._runs.how(name)
            if last is None and self._shared:
                continue  # another process may have run it
            yield (
                f"last run of {name}",
                Check("warn" if last else "ok", last or ("none yet" if last is None else "")),
            )
        for server, problem in self._looks.problems().items():
            yield f"events of {server}", Check("warn" if problem else "ok", problem)
        if self._shared:
            yield "leader", self._led()
            waiting = self._waiting()
            away = math.isnan(waiting)
            yield "queue", Check("fail" if away else "ok", "" if away else f"{waiting:.0f} waiting")
