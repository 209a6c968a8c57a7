"""How a process is that only answers requests: the daemon's three pages, for machines that ask.

On one machine the daemon beside it may have the address already; people are answered all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from syncd.errors import SyncdError, UsageError
from syncd.health import HEALTH, Check, Listener, Pulse, WebMetrics
from syncd.reasons import SETTINGS
from syncd.service import BEAT

if TYPE_CHECKING:
    from syncd.web.desk import Desk

log = structlog.get_logger("syncd.web")

FAULT = 500  # what uvicorn answers for an application that did not


class Seen:
    """Health and metrics of one process, from `start` to `stop`."""

    def __init__(self, desk: Desk, role: str, *, opens_store: bool) -> None:
        settings = desk.files.settings
        self._desk = desk
        self._opens_store = opens_store
        self.pulse = Pulse(BEAT)
        self.metrics = WebMetrics(role, settings.environment)
        self._address = settings.listen.health or HEALTH
        self._listener: Listener | None = None

    def start(self) -> None:
        """Answer from now on, if the address is free."""
        try:
            self._listener = Listener(self._address, self.pulse, self.metrics, self._checks)
        except UsageError as error:
            log.warning(
                "no health and no metrics of this process", problem=error.message, remedy=error.remedy
            )
            return
        self._listener.start()
        log.info("tells how it is", health=self._listener.url)

    def stop(self) -> None:
        """Answer no more."""
        if self._listener is not None:
            self._listener.stop()

    def reload(self) -> None:
        """Read syncd.yaml again, and show whether it could be used."""
        self.metrics.reload.set(int(self._desk.files.reload()))

    def _checks(self) -> dict[str, Check]:
        problem = self._desk.files.problems.get(SETTINGS)
        checks = {"settings": Check("warn" if problem else "ok", str(problem or ""))}
        if self._opens_store:
            checks["store"] = self._store()
        return checks

    def _store(self) -> Check:
        try:
            self._desk.files.check_store()
        except SyncdError as error:
            return Check("fail", str(error))
        return Check("ok")


class Counted:
    """An ASGI application whose answers are counted."""

    def __init__(self, application: Any, metrics: WebMetrics) -> None:
        self._application = application
        self._requests = metrics.requests

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer, and count what was answered."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        status = FAULT

        async def sending(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._application(scope, receive, sending)
        finally:
            self._requests.labels(_route(scope), str(status)).inc()


def _route(scope: Any) -> str:
    """The pattern of the route that answered, or what stands for every address without one."""
    route = scope.get("route")
    return str(getattr(route, "path", "")) or "none"
