"""The mail sink as a server: what is sent to its SMTP port is shown on its inbox page, never delivered."""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.local.process import LOOPBACK
from deploy.local.server import Server

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE = 60  # seconds; on a busy machine an answer may take a few
PROGRAM = Path(__file__).with_name("mailsink.py")


class MailSink(Server):
    """Runs mailsink.py with this interpreter, which must have aiosmtpd."""

    name = "mailsink"
    port_names = ("smtp", "http")
    smtp_host = LOOPBACK

    @property
    def smtp_port(self) -> int:
        return self.port("smtp")

    @property
    def url(self) -> str:
        """The inbox page."""
        return f"http://{LOOPBACK}:{self.port('http')}/"

    def messages(self) -> list[dict[str, Any]]:
        """What arrived, oldest first: id, received, from, to, subject, language, text, html, links."""
        with urllib.request.urlopen(f"{self.url}messages.json", timeout=PATIENCE) as response:
            return list(json.load(response))

    def clear(self) -> None:
        request = urllib.request.Request(f"{self.url}messages", method="DELETE")
        urllib.request.urlopen(request, timeout=PATIENCE).close()

    def make(self) -> None:
        self._folder().mkdir(exist_ok=True)

    def command(self) -> Sequence[str | Path]:
        return [
            sys.executable, PROGRAM, "--host", LOOPBACK, "--smtp-port", str(self.port("smtp")),
            "--http-port", str(self.port("http")), "--folder", self._folder(),
        ]  # fmt: skip

    def answers(self) -> bool:
        try:
            self.messages()
        except OSError:
            return False
        return True

    def _folder(self) -> Path:
        return self.directory / "messages"
