"""A request answered by an application of this process without a socket (ASGI 3.0, HTTP)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from syncd.errand import Reply

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from syncd.errand import Errand


def answer(app: ASGIApp, errand: Errand) -> Reply:
    """What the application answers; its own error page, too, where it is at fault."""
    return asyncio.run(_answer(app, errand))


async def _answer(app: ASGIApp, errand: Errand) -> Reply:
    begun: dict[str, Any] = {}
    parts: list[bytes] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": errand.body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            begun.update(message)
        else:
            parts.append(message.get("body", b""))

    try:
        await app(_scope(errand), receive, send)
    except Exception:  # whoever serves over a socket logs it; the application's own handler has done so
        if not begun:
            raise
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in begun["headers"])
    return Reply(begun["status"], headers, b"".join(parts))


def _scope(errand: Errand) -> dict[str, Any]:
    raw = errand.path.encode("latin-1")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": errand.method,
        "path": unquote(raw.decode("latin-1")),
        "raw_path": raw,
        "root_path": "",
        "query_string": errand.query.encode("latin-1"),
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in errand.headers],
        "client": None,
        "server": None,
    }
