"""A mail server that kills Keycloak while it takes a mail, and hands on to the real sink what it took."""

from __future__ import annotations

import smtplib
from typing import TYPE_CHECKING

from tests.live.directory.faulty_sink import FaultySink

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiosmtpd.smtp import SMTP, Envelope, Session


class KillingSink(FaultySink):
    """`moment` is when it kills: `named` the recipient, `written` the mail, `taken` it, or "" for never."""

    def __init__(self, kill: Callable[[], None], port: int) -> None:
        super().__init__()
        self.moment = ""
        self._kill = kill
        self._onward = port

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self._die_at("named")
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        self._die_at("written")
        if self.moment != "written":
            with smtplib.SMTP("127.0.0.1", self._onward) as onward:
                onward.sendmail(envelope.mail_from or "", envelope.rcpt_tos, envelope.original_content or b"")
            self._die_at("taken")
        return "250 kept"

    def _die_at(self, moment: str) -> None:
        if self.moment == moment:
            self._kill()
