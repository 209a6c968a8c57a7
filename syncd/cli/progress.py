"""A bar on stderr for what takes longer than two seconds: how many of how many, and how fast."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from syncd.locale import gettext as _

if TYPE_CHECKING:
    from types import TracebackType

PATIENCE = 2.0  # seconds before a bar appears


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(_("{rate} a second").format(rate=f"{speed:.0f}") if speed else "")


class Bar:
    """Called with (done, all); shows nothing unless stderr is a terminal and patience is over."""

    def __init__(self, title: str, *, wanted: bool) -> None:
        self._title = title
        self._wanted = wanted and sys.stderr.isatty()
        self._began = time.monotonic()
        self._progress: Progress | None = None

    def __enter__(self) -> Self:
        """Begin to wait."""
        return self

    def __call__(self, done: int, total: int) -> None:
        """Note how far it has come."""
        if not self._wanted or time.monotonic() - self._began < PATIENCE:
            return
        if self._progress is None:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                _Rate(),
            )
            self._progress = Progress(*columns, console=Console(file=sys.stderr), transient=True)
            self._progress.add_task(self._title, total=total)
            self._progress.start()
        self._progress.update(self._progress.task_ids[0], completed=done, total=total)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        if self._progress is not None:
            self._progress.stop()
