"""Looks at the servers for what others changed by hand, and asks for runs of the mappings concerned.

Two looks a period at each server, from one thread, in the process that leads: what is changed by hand is then
repaired within one, as long as a run takes less than half of it. What a look tells decides nothing: the run
that it wakes reads and plans as any other. A server that does not answer is asked again from where the last
good look ended.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING

import structlog

from syncd.app.looks import Output, Server, look_at, outputs_of, servers_of
from syncd.errors import SyncdError
from syncd.targets.hints import woken

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from syncd.app.in_force import InForce
    from syncd.app.looks import Mappings
    from syncd.settings import Settings
    from syncd.targets.hints import Look

EACH = 2  # looks in a period
LONGEST = 300.0  # seconds until a server is tried again that did not answer
BACK = timedelta(hours=1)  # how far the first look goes back at most

log = structlog.get_logger("syncd.looks")


@dataclass(slots=True)
class _Watched:
    """One server, the mappings on it, and how it is with it; `due` is monotonic."""

    look: Look
    mappings: Mappings = field(default_factory=dict)
    failures: int = 0
    due: float = 0.0
    problem: str = ""


class Looks:
    """Looks from `begin` to `halt`. `ask` lets a mapping run because of a server, and may raise."""

    def __init__(
        self,
        files: InForce,
        ask: Callable[[str, Server], None],
        make: Callable[[Callable[[], Settings], Server, datetime], Look] = look_at,
    ) -> None:
        self._files = files
        self._ask = ask
        self._make = make
        self._watched: dict[Server, _Watched] = {}
        self._goes = False
        self._outputs: dict[str, list[Output]] = {}
        self._stale = True  # servers are to be found out anew
        self._changed: SimpleQueue[Collection[str]] = SimpleQueue()
        self._stopping = False
        self._told = threading.Event()
        self._thread = threading.Thread(target=self._stand, name="looks", daemon=True)

    def start(self) -> None:
        """Wait for `begin`, in a thread of its own."""
        self._thread.start()

    def begin(self) -> None:
        """Look from now on, first at what happened since the last runs."""
        self._goes = True
        self._told.set()

    def halt(self) -> None:
        """Look no more until it begins anew, and then as if for the first time."""
        self._goes = False
        self._told.set()

    def plan(self, names: Collection[str]) -> None:
        """The files of these mappings are different, or what settings say of them."""
        self._changed.put(names)
        self._stale = True
        self._told.set()

    def stop(self) -> None:
        """End the thread; a look under way is waited for."""
        self._stopping = True
        self._told.set()
        self._thread.join()

    def problems(self) -> dict[str, str]:
        """Every server that is looked at, with what keeps it from being looked at, if anything."""
        return {str(server): one.problem for server, one in list(self._watched.items())}

    def _stand(self) -> None:
        next_round = 0.0
        while not self._stopping:
            period = self._period()
            active = self._goes and period > 0
            self._told.wait(max(0.0, next_round - monotonic()) if active else None)
            self._told.clear()
            if not (self._goes and self._period()):
                self._forget(set(self._watched))
                next_round = 0.0
            elif not self._stopping and monotonic() >= next_round:
                next_round = monotonic() + self._period() / EACH
                self.round()

    def _period(self) -> float:
        start = datetime.now(UTC)
        return (self._files.settings.events.after(start) - start).total_seconds()

    def round(self) -> None:
        """One look at every server that is due."""
        try:
            if self._stale:
                self._stale = False
                self._find_out()
        except Exception:
            self._stale = True
            log.exception("servers to look at could not be found out")
        for server, one in self._watched.items():
            if self._goes and not self._stopping and monotonic() >= one.due:
                self._try(server, one)

    def _find_out(self) -> None:
        """Watch what settings and files name now; what is watched already goes on from where it is."""
        self._read()
        servers = servers_of(self._outputs)
        self._forget(self._watched.keys() - servers.keys())
        new = servers.keys() - self._watched.keys()
        successes = self._successes() if new else {}
        for server, mappings in servers.items():
            if server in new:
                since = min((successes[name] for name in mappings if name in successes), default=_now())
                look = self._make(lambda: self._files.settings, server, max(since, _now() - BACK))
                self._watched[server] = _Watched(look)
            one = self._watched[server]
            one.look.close()  # its settings may be different
            one.mappings = mappings

    def _read(self) -> None:
        """Learn where mappings are written to: those that changed, and those not known yet."""
        settings = self._files.settings
        changed: set[str] = set()
        while not self._changed.empty():
            changed.update(self._changed.get())
        kept = settings.mappings.keys() - changed
        self._outputs = {name: every for name, every in self._outputs.items() if name in kept}
        for name in settings.mappings.keys() - self._outputs.keys():
            document = self._files.document(name)
            if document is not None:
                self._outputs[name] = outputs_of(settings, document)

    def _successes(self) -> dict[str, datetime]:
        app = self._files.app()
        try:
            return app.last_successes()
        finally:
            app.close()

    def _forget(self, servers: Collection[Server]) -> None:
        for server in servers:
            self._watched.pop(server).look.close()
        self._stale = self._stale or bool(servers)

    def _try(self, server: Server, one: _Watched) -> None:
        try:
            self._look(server, one)
        except SyncdError as error:
            self._failed(server, one, error.in_one_line)
        except Exception as error:
            if not one.problem:
                log.exception("fault of a look")
            self._failed(server, one, f"syncd itself is at fault, see the log: {type(error).__name__}")
        else:
            if one.problem:
                log.info("changes by hand are seen again", server=str(server))
            one.failures, one.problem = 0, ""

    def _look(self, server: Server, one: _Watched) -> None:
        hints = one.look.look()
        for name in sorted(woken(hints, one.mappings, self._holders)):
            log.info("changed by somebody else", server=str(server), mapping=name, reason=hints.everybody)
            self._ask(name, server)
        one.look.settle()

    def _holders(self, natives: Collection[str]) -> set[str]:
        app = self._files.app()
        try:
            return app.holders(natives)
        finally:
            app.close()

    def _failed(self, server: Server, one: _Watched, problem: str) -> None:
        """Say so once for each change of reason, and try again later each time."""
        if problem != one.problem:
            log.warning("changes by hand are not seen", server=str(server), problem=problem)
        one.look.close()
        one.problem, one.failures = problem, one.failures + 1
        one.due = monotonic() + min(self._period() * 2 ** min(one.failures, 16), LONGEST)


def _now() -> datetime:
    return datetime.now(UTC)
