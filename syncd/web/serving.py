"""HTTP servers of this process: the API, the public page, each on the address that syncd.yaml names."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
import uvicorn

from syncd.errors import UsageError
from syncd.health import ErrandMetrics
from syncd.service import RELOAD, STOP, Events, tell_systemd
from syncd.web import api, front, inside, public
from syncd.web.desk import Desk
from syncd.web.seen import Counted, Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from syncd.errand import Errand, Office, Reply
    from syncd.settings import Settings

WEB = "127.0.0.1:8085"
GRACE = 10  # seconds that requests under way have when the process ends
AT_ONCE = 200  # connections; more are answered 503

log = structlog.get_logger("syncd.web")


class Server:
    """One address with one application. Paths can hold tokens, so no server log names them."""

    def __init__(self, key: str, address: str, application: Any) -> None:
        """Raises `UsageError` where the address cannot be listened on."""
        host, _, port = address.rpartition(":")
        self._socket = _bound(key, address, host.strip("[]"), int(port))
        self._server = uvicorn.Server(
            uvicorn.Config(
                application,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
                limit_concurrency=AT_ONCE,
                timeout_graceful_shutdown=GRACE,
            )
        )
        sockets = [self._socket]
        self._thread = threading.Thread(target=self._server.run, args=(sockets,), name=key, daemon=True)

    @property
    def url(self) -> str:
        """Where it answers."""
        host, port = self._socket.getsockname()[:2]
        return f"http://{host}:{port}"

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.01)

    def stop(self) -> None:
        """Answer what has been asked, and no more."""
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()


def serve_api(
    config: Path | None, office: Callable[[Settings], AbstractContextManager[Office | None]]
) -> int:
    """Be only the API until SIGTERM, a front desk where there is an office behind it; the exit code."""
    desk = Desk(config)
    with office(desk.files.settings) as behind:
        if behind is not None:
            seen = Seen(desk, "web", opens_store=False)
            errands = ErrandMetrics(seen.metrics.registry, "front")
            errands.waits(behind.waiting)
            application = front.make(desk, errands.timed(behind.send))
            return _serve(seen, _web(desk, Counted(application, seen.metrics)), "web")
        desk.files.check_store()
        seen = Seen(desk, "web", opens_store=True)
        return _serve(seen, _web(desk, Counted(api.make(desk), seen.metrics)), "web")


def serve_public(config: Path | None) -> int:
    """Be only the public page until SIGTERM; the exit code."""
    desk = Desk(config)
    desk.files.check_store()
    seen = Seen(desk, "public", opens_store=True)
    return _serve(seen, _public(desk.files.settings, seen), "public")


def office(config: Path | None) -> Callable[[Errand], Reply]:
    """The API for a worker: what a front desk hands over, answered in this process."""
    return partial(inside.answer, api.make(Desk(config)))


def _serve(seen: Seen, server: Server, role: str) -> int:
    events = Events()
    events.listen()
    server.start()
    seen.start()
    log.info("ready", role=role, url=server.url)
    tell_systemd("READY=1", f"STATUS={role} on {server.url}")
    while (event := events.next()) != STOP:
        seen.pulse.beat()
        tell_systemd("WATCHDOG=1")
        if event == RELOAD:
            seen.reload()
    tell_systemd("STOPPING=1")
    seen.stop()
    server.stop()
    return 0


@contextmanager
def beside(config: Path | None) -> Iterator[None]:
    """Have the API answer from this process too.

    The public page never does: whoever finds a hole in it must not be where secrets are.
    """
    desk = Desk(config)
    server = _web(desk, api.make(desk))
    server.start()
    log.info("ready", role="web", url=server.url)
    try:
        yield
    finally:
        server.stop()


def _web(desk: Desk, application: Any) -> Server:
    return Server("listen.web", desk.files.settings.listen.web or WEB, application)


def _public(settings: Settings, seen: Seen) -> Server:
    if settings.listen.public is None or settings.public_url is None:
        raise UsageError(
            f"{settings.file}: the public page is off",
            "name `listen: {public: 127.0.0.1:8086}` and, as people reach it, `public_url: https://…`",
        )
    return Server("listen.public", settings.listen.public, Counted(public.make(settings), seen.metrics))


def _bound(key: str, address: str, host: str, port: int) -> socket.socket:
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=512
        )
    except OSError as error:
        raise UsageError(
            f"{key}: {address} cannot be listened on: {error.strerror}", "name another address"
        ) from error
