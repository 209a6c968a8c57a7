"""HTTP servers of this process: the API, the public page, each on the address that syncd.yaml names."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog
import uvicorn

from syncd.errors import UsageError
from syncd.service import RELOAD, STOP, Events, tell_systemd
from syncd.web import api, public
from syncd.web.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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


def serve(config: Path | None, role: str) -> int:
    """Be only the API (`web`) or only the public page (`public`), until SIGTERM; the exit code."""
    desk = Desk(config)
    desk.files.check_store()
    server = _public(desk.files.settings) if role == "public" else _web(desk)
    events = Events()
    events.listen()
    server.start()
    log.info("ready", role=role, url=server.url)
    tell_systemd("READY=1", f"STATUS={role} on {server.url}")
    while (event := events.next()) != STOP:
        tell_systemd("WATCHDOG=1")
        if event == RELOAD:
            desk.files.reload()
    tell_systemd("STOPPING=1")
    server.stop()
    return 0


@contextmanager
def beside(config: Path | None) -> Iterator[None]:
    """Have the API answer from this process too.

    The public page never does: whoever finds a hole in it must not be where secrets are.
    """
    server = _web(Desk(config))
    server.start()
    log.info("ready", role="web", url=server.url)
    try:
        yield
    finally:
        server.stop()


def _web(desk: Desk) -> Server:
    return Server("listen.web", desk.files.settings.listen.web or WEB, api.make(desk))


def _public(settings: Settings) -> Server:
    if settings.listen.public is None or settings.public_url is None:
        raise UsageError(
            f"{settings.file}: the public page is off",
            "name `listen: {public: 127.0.0.1:8086}` and, as people reach it, `public_url: https://…`",
        )
    return Server("listen.public", settings.listen.public, public.make(settings))


def _bound(key: str, address: str, host: str, port: int) -> socket.socket:
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=512
        )
    except OSError as error:
        raise UsageError(
            f"{key}: {address} cannot be listened on: {error.strerror}", "name another address"
        ) from error
