"""How mappings are, told to operators: after each run, and where no run ends any more; syncd.yaml too.

What metrics say of runs is put right here as well, since other processes make runs.

A run only notes what is to be told; a thread of its own lets it leave and tries again, so that a mail
server that does not answer keeps no run waiting.
"""

from __future__ import annotations

import math
import threading
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING

import structlog

from syncd.app.timing import windows_of
from syncd.errors import SyncdError
from syncd.reasons import SETTINGS, of_settings
from syncd.schedule import window_end
from syncd.settings import SettingsInvalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncd.app import App
    from syncd.app.in_force import InForce
    from syncd.health import Metrics
    from syncd.reasons import Reason
    from syncd.schedule import Rhythm

LOOK = 15.0  # seconds between two looks at what is still to leave
ALL = 60.0  # seconds between two looks at whether runs still end, which asks for every mapping

log = structlog.get_logger("syncd.telling")


class Telling:
    """Works from `start` to `stop`; `rhythms` says when mappings are due, nothing where others say so."""

    def __init__(self, files: InForce, metrics: Metrics, rhythms: Callable[[], dict[str, Rhythm]]) -> None:
        self._files = files
        self._metrics = metrics
        self._rhythms = rhythms
        self._looked_since: dict[str, datetime] = {}
        self._looked_at_all = -math.inf
        self._settings_noted = False
        self._stopping = False
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._work, name="telling")

    def start(self) -> None:
        """Let leave what an earlier process left, and what comes."""
        self._thread.start()

    def stop(self) -> None:
        """End; what has not left is another process's, or the next one's."""
        self._stopping = True
        self._woken.set()
        self._thread.join()

    def ended(self, mapping: str, part: str, reason: Reason | None) -> None:
        """Note how a run left its mapping, or a part of it as parts are named; None says nothing about it."""
        if reason is None:
            return
        app = self._files.app()
        try:
            app.judge_part(mapping, part, reason)
        except SyncdError as error:
            log.error("not noted", mapping=mapping, reason=reason.state.value, problem=str(error))  # noqa: TRY400 - it says why
        finally:
            app.close()
        self._woken.set()

    def reloaded(self) -> None:
        """Note how syncd.yaml is, and watch over runs by the times that it says now."""
        self._settings_noted = False
        self._looked_at_all = -math.inf
        self._woken.set()

    def _work(self) -> None:
        while not self._stopping:
            try:
                self._look()
            except SyncdError as error:
                log.error("nothing told", problem=str(error))  # noqa: TRY400 - it says why
            except Exception:
                log.exception("fault in telling, tried again")
            self._woken.wait(LOOK)
            self._woken.clear()

    def _look(self) -> None:
        app = self._files.app()
        try:
            self._note_settings(app)
            if monotonic() - self._looked_at_all >= ALL:
                self._looked_at_all = monotonic()
                self._count_others(app)
                app.tell_left_alone(self._open(app.timing().paused), self._looked_since)
            for mapping, count in self._delivered(app).items():
                self._metrics.untold.labels(mapping).set(count)
        finally:
            app.close()

    def _delivered(self, app: App) -> dict[str, int]:
        """Let notices leave; how many still wait, which is to be seen also where a secret is missing."""
        try:
            return app.deliver()
        except SettingsInvalid as error:
            log.error("not everything told", problem=str(error))  # noqa: TRY400 - it says why
            return app.untold()

    def _count_others(self, app: App) -> None:
        """Runs of other processes: what succeeded there succeeded, what was found here may be over."""
        self._metrics.succeeded(app.last_successes())
        for mapping, ran in self._metrics.told().items():
            over = app.superseded(mapping, ran)
            self._metrics.superseded(mapping, {ran[part] for part in over})

    def _note_settings(self, app: App) -> None:
        """Once after each time it was read, the first one too; tried again while the store is away."""
        if self._settings_noted:
            return
        self._settings_noted = True
        try:
            app.judge(SETTINGS, of_settings(self._files.problems.get(SETTINGS)))
        except SyncdError:
            self._settings_noted = False
            raise

    def _open(self, paused: Callable[[str], object]) -> dict[str, Rhythm]:
        """The mappings that nothing keeps from running, with their times; since when that is so is noted."""
        now = datetime.now(UTC)
        is_closed = window_end(windows_of(self._files.settings), now) is not None
        found = {} if is_closed else self._rhythms()
        rhythms = {name: rhythm for name, rhythm in found.items() if paused(name) is None}
        self._looked_since = {name: self._looked_since.get(name, now) for name in rhythms}
        return rhythms
