"""The API and the public page of a product, each on a port of its own in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncd import settings
from syncd.web import api, keys, public
from syncd.web.desk import Desk
from syncd.web.rates import Rate, Turnstile
from syncd.web.serving import Server
from tests.acceptance.web.portal import Portal
from tests.acceptance.web.stranger import Door

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.acceptance.product import Product


@pytest.fixture(scope="module")
def portal() -> Iterator[Callable[[Product], Portal]]:
    """By a product: the API served over its folder, and an application in front of it."""
    made: dict[str, tuple[Server, Portal]] = {}
    patch = pytest.MonkeyPatch()
    patch.setattr(keys, "SECONDS", 60)  # a busy Keycloak is no fault of the API

    def of(site: Product) -> Portal:
        if site.realm not in made:
            server = Server("listen.web", "127.0.0.1:0", api.make(Desk(site.config)))
            server.start()
            made[site.realm] = (server, Portal(site, server.url))
        return made[site.realm][1]

    yield of
    for server, _ in made.values():
        server.stop()
    patch.undo()


@pytest.fixture(scope="module")
def door() -> Iterator[Callable[[Product], Door]]:
    """By a product: the public page over its store; links and mails then lead to it."""
    made: dict[str, tuple[Server, Door]] = {}

    def of(site: Product) -> Door:
        if site.realm not in made:
            text = site.config.read_text("utf-8")
            server = Server("listen.public", "127.0.0.1:0", _late(site))
            site.config.write_text(f"{text}\npublic_url: {server.url}\n", "utf-8")
            server.start()
            made[site.realm] = (server, Door(server.url))
        return made[site.realm][1]

    yield of
    for server, _ in made.values():
        server.stop()


def _late(site: Product):
    """The page, made when it is first asked for: its own address, which it must know, is known only then."""
    pages = []
    turnstile = Turnstile(all_=Rate(1_000_000, 1000), clock=lambda: 0.0)  # slow requests are not fewer

    async def page(scope, receive, send):
        if not pages:
            pages.append(public.make(settings.load(site.config), turnstile))
        await pages[0](scope, receive, send)

    return page
