"""What a daemon works by: the newest valid operator's file and, of each mapping, the newest valid files.

A file that cannot be used leaves the last valid one in force; where none has been valid since the start,
or a run elsewhere went by another one since, nothing is written. What is wrong is kept, with its line, for
those who ask.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from syncd import settings as settings_module
from syncd.app import App, files
from syncd.app.compilations import Compilations
from syncd.app.in_parts import ACTOR
from syncd.app.neighbours import Neighbours
from syncd.app.timing import check_times
from syncd.errors import MappingInvalid, NotApart, SyncdError
from syncd.mapping.read import digest_of
from syncd.reasons import SETTINGS

if TYPE_CHECKING:
    from pathlib import Path

    from syncd.mapping.read import Loaded
    from syncd.mapping.schema import MappingDocument
    from syncd.model import RunReport
    from syncd.settings import Settings

Ask = Callable[[Sequence[str]], None]
"""Has parts of a mapping run as soon as there is room."""

log = structlog.get_logger("syncd.daemon")


def _nobody(_parts: Sequence[str]) -> None:
    """Whoever makes one run only asks for no other."""


def _never() -> str:
    """Whoever makes one run only lets it end."""
    return ""


class InForce:
    """Settings and mappings in force; runs go through here, several at once."""

    def __init__(self, config: Path | None, stop: Callable[[], bool]) -> None:
        """Raises `SettingsInvalid` where syncd.yaml is not valid now: there is none before it."""
        self._config = config
        self._stop = stop
        self._guard = threading.Lock()
        self._valid: dict[str, Loaded] = {}
        self._understood: dict[str, tuple[Settings, Loaded]] = {}  # newest files, and what they were read by
        self._neighbours = Neighbours(self._valid.get)
        self._compilations = Compilations()
        self.problems: dict[str, SyncdError] = {}
        self.settings = self._read()

    def reload(self) -> bool:
        """Read syncd.yaml again; False, with the problem kept, where the one before stays in force."""
        try:
            self.settings = self._read()
        except SyncdError as error:
            self._judge(SETTINGS, error)
            return False
        self._judge(SETTINGS, None)
        return True

    def check_store(self) -> None:
        """Raise `StoreError`, with its remedy, where the store is not usable."""
        app = self.app()
        try:
            app.timing()
        finally:
            app.close()

    def newest(self) -> App:
        """The application over the files as they are now, valid or not; the caller closes it."""
        return App(self.settings, load=self._newest, stop=self._stop)

    def app(
        self,
        trigger: str = "sync",
        loaded: dict[str, Loaded] | None = None,
        waits: Callable[[], str] = _never,
    ) -> App:
        """The application over what is in force; the caller closes it."""
        fixed = {**self._valid, **(loaded or {})}

        def load(settings: Settings, name: str) -> Loaded:
            return fixed[name] if name in fixed else files.load_mapping(settings, name)

        return App(
            self.settings,
            load=load,
            stop=self._stop,
            waits=waits,
            trigger=trigger,
            remembers=True,
            neighbours=self._neighbours,
            compilations=self._compilations,
        )

    def run(
        self,
        mapping: str,
        trigger: str,
        part: str = "",
        ask: Ask = _nobody,
        waits: Callable[[], str] = _never,
    ) -> RunReport:
        """One run by the files as they are now, else by the last valid ones.

        Of a mapping that runs in parts it is the trunk's, which then has `ask` let the root units run, or a
        whole one where only that can judge. Only a run that looked at all of a mapping makes files the
        valid ones. `waits` says between its writes why the rest is to wait, if it is.

        Raises `MappingInvalid` where none have been valid since the start, or where another process went by
        newer ones since they were, and what `App.apply` raises.
        """
        settings = self.settings

        def applied(loaded: Loaded) -> RunReport:
            app = self.app(trigger, {mapping: loaded}, waits)
            try:
                return _applied(app, mapping, part, ask)
            finally:
                app.close()

        try:
            newest = self._newest(settings, mapping)
            report = applied(newest)
        except MappingInvalid as error:
            self._judge(mapping + part, error)
            before = self._last_valid(mapping)
            if before is None:
                raise
            return applied(before)
        if not part:
            with self._guard:
                self._valid[mapping] = newest
        self._judge(mapping + part, None)
        return report

    def judge(self, mapping: str) -> Loaded | None:
        """The files as they are now, before any run goes by them; None, the problem kept, where none can.

        What takes more than the files to find, only a run finds.
        """
        try:
            loaded = self._newest(self.settings, mapping)
        except MappingInvalid as error:
            self._judge(mapping, error)
            return None
        self._judge(mapping, None)
        return loaded

    def document(self, mapping: str) -> MappingDocument | None:
        """The mapping as its files say now, else as it is in force; None where there is neither."""
        with self._guard:
            loaded = self._valid.get(mapping)
        with suppress(MappingInvalid):
            loaded = self._newest(self.settings, mapping)
        return loaded.document if loaded is not None else None

    def standing(self, mapping: str) -> bool:
        """Whether some version of the mapping's files is in force."""
        with self._guard:
            return mapping in self._valid

    def _last_valid(self, mapping: str) -> Loaded | None:
        """The last valid files, if this process has them: going by older ones would undo what is in force."""
        app = self.app()
        try:
            in_force = app.files_in_force(mapping)
        finally:
            app.close()
        with self._guard:
            before, (_, understood) = self._valid.get(mapping), self._understood.get(mapping, (None, None))
            if not in_force:
                return before
            found = next((one for one in (before, understood) if one and one.digest == in_force), None)
            self._valid.pop(mapping, None)
            if found is not None:
                self._valid[mapping] = found
            elif before is not None:
                log.warning(
                    "other files were in force since, the last valid ones here are let go", mapping=mapping
                )
        return found

    def _newest(self, settings: Settings, mapping: str) -> Loaded:
        """The files as they are now; those that were understood already are not once more."""
        one = settings.mappings[mapping]
        with self._guard:
            read_by, loaded = self._understood.get(mapping, (None, None))
        if loaded is not None and read_by is settings and loaded.digest == digest_of(one.from_, one.set_):
            return loaded
        loaded = files.load_mapping(settings, mapping)
        with self._guard:
            self._understood[mapping] = (settings, loaded)
        return loaded

    def _judge(self, name: str, problem: SyncdError | None) -> None:
        with self._guard:
            if problem is None:
                self.problems.pop(name, None)
            else:
                self.problems[name] = problem

    def _read(self) -> Settings:
        settings = settings_module.load(self._config)
        check_times(settings)
        return settings


def _applied(app: App, mapping: str, part: str, ask: Ask) -> RunReport:
    if not part and app.parts(mapping):
        try:
            return app.apply_trunk(mapping, actor=ACTOR, ask=ask)
        except NotApart as error:
            log.info("runs whole", mapping=mapping, reason=error.message)
    return app.apply(mapping, None, confirmed=False, actor=ACTOR, part=part)
