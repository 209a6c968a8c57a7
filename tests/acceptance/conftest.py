"""The shipped mappings, each in a realm and below a base of its own, applied once for all tests of a file."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.product import Product

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.local.servers import Keycloak, MailSink, Slapd


@pytest.fixture(scope="module")
def product(
    tmp_path_factory: pytest.TempPathFactory,
    keycloak_server: Keycloak,
    slapd_server: Slapd,
    mail_sink: MailSink,
) -> Iterator[Callable[[str], Product]]:
    """By the name of a mapping: bootstrapped and applied, the same one for all tests of the file.

    Accounts are made at once, unless the mapping is asked for `as_shipped`: then people are invited. Its
    store is a file, unless another one is named when it is first asked for.
    """
    made: dict[tuple[str, bool], Product] = {}

    def named(name: str, *, as_shipped: bool = False, store: str = "") -> Product:
        if (name, as_shipped) not in made:
            own = f"t-{name}-{secrets.token_hex(4)}"
            above = f"ou={own},{slapd_server.suffix}"
            base, people = f"ou=units,{above}", f"ou=people,{above}"
            folder = tmp_path_factory.mktemp(name)
            site = Product(
                folder, keycloak_server, slapd_server, own, base, people, name, mail_sink.smtp_port
            )
            site.ldap(
                *(
                    f"dn: {dn}\nchangetype: add\nobjectClass: organizationalUnit\n"
                    for dn in (above, base, people)
                )
            )
            site.copy_mapping(unknown="" if as_shipped else "create")
            made[name, as_shipped] = site
            site.bootstrap().ok()
            if store:
                site.keep_in(store)
            site.apply().ok()
        return made[name, as_shipped]

    yield named
    for site in made.values():
        keycloak_server.remove_realm(site.realm)
