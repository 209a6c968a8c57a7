"""A bar on stderr for what takes longer than two seconds: how many of how many, how fast, how long."""

from __future__ import annotations

import sys
from threading import Timer
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from syncd.locale import gettext as _

if TYPE_CHECKING:
    from types import TracebackType

    from syncd.cli.session import Session

PATIENCE = 2.0  # seconds before a bar appears


class _Count(MofNCompleteColumn):
    """Nothing while it is not known how many there will be."""

    def render(self, task: Task) -> Text:
        return super().render(task) if task.total else Text()


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(_("{rate} a second").format(rate=f"{speed:.0f}") if speed else "")


class Bar:
    """Called with (done, all) where something can be counted; shown on a terminal, when patience is over."""

    def __init__(self, title: str, *, wanted: bool) -> None:
        self._progress: Progress | None = None
        if wanted and sys.stderr.isatty():
            described = TextColumn("{task.description}", markup=False)
            columns = (described, BarColumn(), _Count(), _Rate(), TimeElapsedColumn())
            self._progress = Progress(*columns, console=Console(file=sys.stderr), transient=True)
            self._task = self._progress.add_task(title, total=None)
            self._timer = Timer(PATIENCE, self._progress.start)
            self._timer.daemon = True

    def __enter__(self) -> Self:
        """Begin to wait."""
        if self._progress is not None:
            self._timer.start()
        return self

    def __call__(self, done: int, total: int) -> None:
        """Note how far it has come."""
        if self._progress is not None:
            self._progress.update(self._task, completed=done, total=total)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        if self._progress is not None:
            self._timer.cancel()
            self._timer.join()
            self._progress.stop()


def reading(session: Session, what: str) -> Bar:
    """The bar of a read, where nothing can be counted: only how long it takes already."""
    return Bar(_("Reading {what}").format(what=what), wanted=not session.quiet)
