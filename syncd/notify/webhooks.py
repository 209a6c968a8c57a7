"""Telling applications what happened: a signed JSON body to each webhook that wants the event.

The signature covers time and body, so that a receiver can refuse what is old or altered: it compares
`v1` with the HMAC-SHA256 of `{t}.{body}`. A notice may come twice; its `id` is the same.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.client import HTTPException, InvalidURL
from typing import TYPE_CHECKING

from syncd.notify.outbox import NotDelivered

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from http.client import HTTPMessage
    from typing import IO

    from syncd.acts import Notice

SECONDS = 10
SIGNATURE = "X-Syncd-Signature"
TRY_AGAIN = frozenset({408, 425, 429})
SERVER_FAULT = 500


@dataclass(frozen=True, slots=True)
class Hook:
    """One receiver; no events means all of them, no secret means that bodies are not signed."""

    url: str
    secret: str = field(default="", repr=False)
    events: tuple[str, ...] = ()

    def wants(self, event: str) -> bool:
        """Whether it is told of the event."""
        return not self.events or event in self.events

    def takes(self, notice: Notice) -> bool:
        """Whether a notice is for this one."""
        return self.wants(notice.about) and notice.hook in ("", self.mark)

    @property
    def mark(self) -> str:
        """By what a notice for this one only names it: its address often lets in whoever knows it."""
        return hashlib.sha256(self.url.encode()).hexdigest()[:16]


class _Straight(urllib.request.HTTPRedirectHandler):
    """No redirect is followed: the body is for the receiver that the operator named."""

    def redirect_request(  # noqa: PLR0913, PLR0917 - the signature of urllib
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        """Refuse."""


_OPENER = urllib.request.build_opener(_Straight)


def tell(notice: Notice, hooks: Sequence[Hook], now: datetime) -> None:
    """Post a notice to every hook that wants it; raises `NotDelivered` where one failed, all tried."""
    wanting = [hook for hook in hooks if hook.takes(notice)]
    if not wanting:
        raise NotDelivered(f"no webhook wants {notice.about}", temporary=False)
    failed: list[NotDelivered] = []
    for hook in wanting:
        try:
            _post(hook, body_of(notice), now)
        except NotDelivered as error:
            failed.append(error)
    if failed:
        temporary = any(error.temporary for error in failed)
        raise NotDelivered("; ".join(map(str, failed)), temporary=temporary)


def body_of(notice: Notice) -> bytes:
    """What is posted: `id`, `event`, `mapping` and the values of the event, in UTF-8."""
    parts = {
        "id": notice.id,
        "event": notice.about,
        "mapping": notice.mapping,
        "data": dict(sorted(notice.values.items())),
    }
    return json.dumps(parts, ensure_ascii=False).encode()


def signature(secret: str, body: bytes, at: datetime) -> str:
    """`t=SECONDS,v1=HEX`: when, and the HMAC-SHA256 of `{t}.{body}`."""
    seconds = int(at.timestamp())
    digest = hmac.new(secret.encode(), b"%d." % seconds + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def _post(hook: Hook, body: bytes, now: datetime) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    if hook.secret:
        headers[SIGNATURE] = signature(hook.secret, body, now)
    if not hook.url.startswith(("https://", "http://")):
        raise NotDelivered(f"{hook.url}: a webhook is an http or https address", temporary=False)
    try:
        request = urllib.request.Request(hook.url, data=body, headers=headers, method="POST")  # noqa: S310 - checked above
        _OPENER.open(request, timeout=SECONDS).close()
    except urllib.error.HTTPError as error:
        error.close()
        temporary = error.code in TRY_AGAIN or error.code >= SERVER_FAULT
        raise NotDelivered(f"{hook.url} answers {error.code}", temporary=temporary) from error
    except (OSError, HTTPException, ValueError) as error:  # the last are of the address
        reason = f"{hook.url}: {str(error).strip()}"
        raise NotDelivered(reason, temporary=not isinstance(error, ValueError | InvalidURL)) from error
