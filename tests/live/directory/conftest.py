"""One realm for each module; each test has accounts of its own."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from tests.live.directory.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.servers import Keycloak, MailSink


@pytest.fixture(scope="module")
def world(keycloak_server: Keycloak, mail_sink: MailSink) -> Iterator[World]:
    """A realm with syncd's theme, mails that reach the sink, and passwords of 8 to 32 characters."""
    world = World.bootstrapped(
        keycloak_server,
        mail_sink,
        f"t-{secrets.token_hex(5)}",
        email_theme="syncd",
        password=(8, 32),
    )
    world.portal()
    yield world
    world.close()
