"""Mail servers that misbehave: refuse a recipient, answer late, say nothing; each counts its sessions."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

if TYPE_CHECKING:
    from aiosmtpd.smtp import Envelope, Session


class FaultySink(Controller):
    """An SMTP server with answers of its own to a recipient (or `only` that one) and a message.

    The answer to a message comes `seconds` later.
    """

    def __init__(
        self, *, recipient: str = "250 ok", data: str = "250 kept", seconds: float = 0, only: str = ""
    ) -> None:
        self._recipient = recipient
        self._only = only
        self._data = data
        self._seconds = seconds
        self.sessions = 0
        self.kept: list[str] = []
        super().__init__(self, hostname="127.0.0.1", port=_free_port())

    def factory(self) -> SMTP:
        """One protocol for each connection."""
        self.sessions += 1
        return SMTP(self)

    def __enter__(self) -> Self:
        self.start()
        self.sessions = 0  # the controller has tried its own door
        return self

    def __exit__(self, *_: object) -> None:
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


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
