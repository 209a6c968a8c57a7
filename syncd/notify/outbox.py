"""Handing a notice to the mail server."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncd.notify.texts import message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.acts import Notice

SECONDS = 10
TEMPORARY = range(400, 500)


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """syncd's own mail server; `sender` is the address that notices come from."""

    host: str
    port: int
    sender: str
    username: str = ""
    password: str = field(default="", repr=False)
    start_tls: bool = False


class NotDelivered(Exception):
    """Why a notice did not leave; `temporary` is worth another try."""

    def __init__(self, reason: str, *, temporary: bool) -> None:
        super().__init__(reason)
        self.temporary = temporary


@dataclass(frozen=True, slots=True)
class Outbox:
    """The way out for notices; one connection for each, because there are few."""

    settings: SmtpSettings

    def send(self, notice: Notice) -> None:
        """Deliver to the mail server; raises `NotDelivered`."""
        mail = message(notice, self.settings.sender)
        with self._session() as server:
            server.send_message(mail)

    def check(self) -> None:
        """Log in and send nothing; raises `NotDelivered`."""
        with self._session():
            pass

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        """The server as it takes mails, its refusals as `NotDelivered`."""
        try:
            with smtplib.SMTP(self.settings.host, self.settings.port, timeout=SECONDS) as server:
                if self.settings.start_tls:
                    server.starttls(context=ssl.create_default_context())
                if self.settings.username:
                    server.login(self.settings.username, self.settings.password)
                yield server
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            raise NotDelivered(_words(code, text), temporary=code in TEMPORARY) from error
        except smtplib.SMTPResponseException as error:
            reason = _words(error.smtp_code, error.smtp_error)
            raise NotDelivered(reason, temporary=error.smtp_code in TEMPORARY) from error
        except (OSError, smtplib.SMTPException) as error:
            raise NotDelivered(
                f"{self.settings.host}:{self.settings.port}: {error}", temporary=True
            ) from error


def _words(code: int, text: bytes | str) -> str:
    said = text.decode(errors="replace") if isinstance(text, bytes) else text
    return f"the mail server answers {code} {said}"
