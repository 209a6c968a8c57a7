"""A local stack that has addresses and secrets, but neither data nor processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deploy.local.stack import Stack

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def local_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    stack = Stack(tmp_path / "stack")
    for server in stack.servers:
        monkeypatch.setattr(type(server), "make", lambda _server: None)
        server.make_once()
    stack.keycloak.home.mkdir()
    (stack.keycloak.home / "login.json").write_text('{"client": "a secret", "user": "a password"}')
    return stack
