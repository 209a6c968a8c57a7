"""Mail servers that misbehave: refuse a recipient, answer late, say nothing; each counts its sessions."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from aiosmtpd.smtp import Envelope, Session


class FaultySink(Controller):
    """An SMTP server with answers of its own to a recipient (or `only` that one) and a message.

    The answer to a message comes `seconds` later, and where it is `held` not before its release.
    """

    def __init__(
        self,
        *,
        recipient: str = "250 ok",
        data: str = "250 kept",
        seconds: float = 0,
        only: str = "",
        held: bool = False,
    ) -> None:
        self._recipient = recipient
        self._only = only
        self._data = data
        self._seconds = seconds
        self._free = threading.Event()
        if not held:
            self.release()
        self.sessions = 0
        self.kept: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        port: int = self._listener.getsockname()[1]
        super().__init__(self, hostname="127.0.0.1", port=port, ready_timeout=60)

    def _create_server(self) -> Awaitable[asyncio.AbstractServer]:
        """On a port that is ours since it was chosen."""
        return self.loop.create_server(self._factory_invoker, sock=self._listener)

    def release(self) -> None:
        """Let every message be answered."""
        self._free.set()

    def factory(self) -> SMTP:
        """One protocol for each connection."""
        self.sessions += 1
        return SMTP(self)

    def __enter__(self) -> Self:
        self.start()
        self.sessions = 0  # the controller has tried its own door
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self.stop()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = self._recipient if self._only in ("", address) else "250 ok"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        await asyncio.sleep(self._seconds)
        await asyncio.to_thread(self._free.wait)
        if self._data.startswith("250"):
            self.kept += envelope.rcpt_tos
        return self._data


class SilentSink:
    """Takes connections and never says a word."""

    def __init__(self) -> None:
        self.sessions = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._taken: list[socket.socket] = []
        self._thread = threading.Thread(target=self._take)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for one in self._taken:
            one.close()

    def _take(self) -> None:
        while True:
            try:
                taken, _ = self._listener.accept()
            except OSError:
                return
            self.sessions += 1
            self._taken.append(taken)
