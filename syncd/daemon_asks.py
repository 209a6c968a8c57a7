"""What is still to be asked for: an ask that the store does not take is made again until it is taken."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import structlog

from syncd.dispatch import RANK
from syncd.errors import SyncdError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from syncd.dispatch import Trigger

log = structlog.get_logger("syncd.daemon")


class Asks:
    """Between whoever wants runs, from any thread, and the dispatcher's `ask`, which may raise."""

    def __init__(self, ask: Callable[[str, Trigger], bool]) -> None:
        self._ask = ask
        self._waiting: dict[str, Trigger] = {}  # first come first
        self._guard = threading.Lock()

    def keep(self, names: Iterable[str], trigger: Trigger) -> None:
        """Ask for them when `go_on` is called next."""
        with self._guard:
            for name in names:
                self._waiting[name] = min(trigger, self._waiting.get(name, trigger), key=RANK.__getitem__)

    def now(self, name: str, trigger: Trigger) -> bool:
        """Ask at once; False where it waits for its run already."""
        return self._made(name, trigger) is not False

    def go_on(self) -> None:
        """Ask for what is kept until the store does not take one: the next may wait as long for no answer.

        That one goes behind the others, so that none waits for one that is never taken.
        """
        with self._guard:
            names = list(self._waiting)
        for name in names:
            with self._guard:
                trigger = self._waiting.pop(name)
            if self._made(name, trigger) is None:
                return

    def _made(self, name: str, trigger: Trigger) -> bool | None:
        """What the dispatcher says; None, with the ask kept, where the store does not take it."""
        try:
            return self._ask(name, trigger)
        except SyncdError as error:
            log.error("could not be asked for, tried again", mapping=name, problem=str(error))  # noqa: TRY400 - it says why
            self.keep([name], trigger)
            return None
