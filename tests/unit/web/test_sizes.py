"""Nobody makes the API hold more than a request has, whoever they are."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from syncd.store import open_store
from syncd.web.api import make
from syncd.web.sizes import LONGEST_BODY
from tests.unit.membership.bureau import Bureau
from tests.unit.web.test_openapi import TOKEN, BureauDesk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fastapi import FastAPI

PART = b" " * (1 << 16)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[FastAPI]:
    store = open_store(f"sqlite:///{tmp_path}/syncd.db", b"k" * 32)
    store.upgrade()
    yield make(BureauDesk(Bureau(store)))
    store.close()


async def post_without_end(api: FastAPI, headers: list[tuple[bytes, bytes]]) -> tuple[int, Any, int]:
    """Status, body and how many bytes were taken of a request that never ends."""
    sent: list[dict[str, Any]] = []
    taken = 0

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += len(PART)
        assert taken < 4 * LONGEST_BODY
        return {"type": "http.request", "body": PART, "more_body": True}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/api/v1/acme/members", "raw_path": b"/api/v1/acme/members", "query_string": b"",
        "headers": [(b"content-type", b"application/json"), *headers], "client": ("192.0.2.1", 1),
        "server": ("127.0.0.1", 1), "root_path": "",
    }  # fmt: skip
    await api(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], json.loads(body), taken


@pytest.mark.parametrize("token", ["", TOKEN])
def test_a_body_without_an_end_is_read_so_far_and_no_further(api: FastAPI, token: str) -> None:
    headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
    status, problem, taken = asyncio.run(post_without_end(api, headers))
    assert (status, problem["detail"]) == (413, "send less at a time")
    assert taken == LONGEST_BODY + len(PART)
