"""A run whose lease may be another's by now sends no write, on any wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncd.errors import TAKEN_OVER
from syncd.ldapwire.connection import ConnectionSettings
from syncd.ldapwire.directory import Directory
from syncd.ldapwire.operations import NOT_SENT, SUCCESS, Add, Query
from syncd.targets.keycloak_connection import KeycloakConnection
from syncd.targets.keycloak_failures import NotSent

if TYPE_CHECKING:
    from deploy.local.servers import Keycloak, Slapd

pytestmark = pytest.mark.live


@pytest.mark.parametrize(("wire", "window"), [("lean", 48), ("stock", 1)])
def test_a_directory_is_written_to_only_while_the_lease_is_ours(
    wire: str, window: int, slapd_server: Slapd, ldap_base: str
) -> None:
    asked: list[bool] = []

    def may_write() -> bool:
        asked.append(len(asked) == 0)
        return asked[-1]

    directory = Directory(
        ConnectionSettings(
            name="directory",
            urls=(slapd_server.url,),
            bind_dn=slapd_server.bind_dn,
            password=slapd_server.bind_password,
            wire=wire,
            may_write=may_write,
        )
    )
    operations = [
        Add(f"ou=u{number},{ldap_base}", {"objectClass": (b"organizationalUnit",), "ou": (b"u%d" % number,)})
        for number in range(60)
    ]
    replies = list(directory.write(operations))
    assert [reply.code for reply in replies] == [SUCCESS] * window + [NOT_SENT] * (60 - window)
    assert {reply.text for reply in replies[window:]} == {TAKEN_OVER}
    assert len(directory.search(Query(ldap_base, scope="one"))) == window
    directory.close()


def test_keycloak_is_read_but_not_written_to_once_the_lease_may_be_gone(
    keycloak_server: Keycloak, realm: str
) -> None:
    connection = KeycloakConnection(
        url=keycloak_server.url,
        realm=realm,
        client_id=keycloak_server.admin_client_id,
        client_secret=keycloak_server.admin_client_secret,
        login_realm="master",
        may_write=lambda: False,
    )
    with pytest.raises(NotSent, match="nothing more is written"):
        connection.call("POST", "groups", body={"name": "late"})
    assert connection.call("GET", "groups").body == []
    connection.close()
