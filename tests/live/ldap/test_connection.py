"""Connecting to a directory: who is let in, who is trusted, and what is said when not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncd.errors import LoginRefused, NotTrusted, PlaceMissing, Unreachable, UsageError
from syncd.ldapwire.connection import Connection
from syncd.ldapwire.directory import Directory
from syncd.ldapwire.operations import LOST, NOT_SENT, Add, Query
from tests.cutting_proxy import CuttingProxy
from tests.ldap_world import settings_for

if TYPE_CHECKING:
    from deploy.local.slapd import Slapd
    from tests.ldap_world import LdapWorld

pytestmark = pytest.mark.live
NOWHERE = "ldap://127.0.0.1:9"


def _visit(directory: Directory) -> str:
    try:
        directory.root()
        return directory.connection.url
    finally:
        directory.close()


def test_ldaps_with_the_authority_that_signed_is_trusted_by_name_and_by_address(
    slapd_server: Slapd, wire: str
) -> None:
    for url in (slapd_server.tls_url, slapd_server.tls_url.replace("127.0.0.1", "localhost")):
        settings = settings_for(slapd_server, urls=(url,), ca=str(slapd_server.ca), wire=wire)
        assert _visit(Directory(settings)) == url


def test_starttls_is_as_good(slapd_server: Slapd, wire: str) -> None:
    settings = settings_for(slapd_server, start_tls=True, ca=str(slapd_server.ca), wire=wire)
    assert _visit(Directory(settings)) == slapd_server.url


@pytest.mark.parametrize("start_tls", [False, True])
def test_a_certificate_of_an_unknown_authority_is_not_trusted(slapd_server: Slapd, start_tls: bool) -> None:
    url = slapd_server.url if start_tls else slapd_server.tls_url
    with pytest.raises(NotTrusted, match=r"certificate of .* does not hold") as caught:
        _visit(Directory(settings_for(slapd_server, urls=(url,), start_tls=start_tls)))
    assert "`ca`" in caught.value.remedy


def test_a_wrong_password_is_refused_and_not_tried_at_the_next_server(slapd_server: Slapd) -> None:
    settings = settings_for(slapd_server, password="wrong", urls=(slapd_server.url, NOWHERE))
    with pytest.raises(LoginRefused, match="invalid credentials") as caught:
        _visit(Directory(settings))
    assert slapd_server.bind_dn in caught.value.message
    assert "wrong" not in repr(settings)


def test_no_password_is_no_login(slapd_server: Slapd) -> None:
    with pytest.raises(LoginRefused, match="no password is set"):
        _visit(Directory(settings_for(slapd_server, password="")))


def test_the_password_is_never_sent_unencrypted_to_another_machine(slapd_server: Slapd) -> None:
    with pytest.raises(NotTrusted, match="unencrypted"):
        Connection(settings_for(slapd_server, urls=("ldap://directory.example.org",))).open()


def test_a_port_that_speaks_no_tls_is_named(slapd_server: Slapd) -> None:
    settings = settings_for(slapd_server, urls=(slapd_server.url.replace("ldap:", "ldaps:"),))
    with pytest.raises(NotTrusted, match="no TLS with"):
        _visit(Directory(settings))


def test_a_certificate_file_that_is_not_there_is_named(slapd_server: Slapd) -> None:
    with pytest.raises(NotTrusted, match=r"/missing\.pem cannot be read"):
        _visit(Directory(settings_for(slapd_server, urls=(slapd_server.tls_url,), ca="/missing.pem")))


def test_the_next_server_is_used_and_the_dead_one_left_out_for_a_while(slapd_server: Slapd) -> None:
    now = [0.0]
    connection = Connection(
        settings_for(slapd_server, urls=(NOWHERE, slapd_server.url)), clock=lambda: now[0]
    )
    connection.open()
    assert connection.url == slapd_server.url
    assert connection._order() == (slapd_server.url,)
    now[0] = 31.0
    assert connection._order() == (NOWHERE, slapd_server.url)
    connection.close()


def test_every_server_that_failed_is_named(slapd_server: Slapd) -> None:
    with pytest.raises(Unreachable, match=r"no server can be used: .*127.0.0.1:9:.*127.0.0.1:7:"):
        _visit(Directory(settings_for(slapd_server, urls=(NOWHERE, "ldap://127.0.0.1:7"))))


def test_a_base_that_does_not_exist_is_named(world: LdapWorld, wire: str) -> None:
    directory = Directory(settings_for(world.server, wire=wire))
    with pytest.raises(PlaceMissing, match=f"ou=nowhere,{world.base} does not exist"):
        directory.search(Query(f"ou=nowhere,{world.base}"))
    assert directory.entry(f"ou=nowhere,{world.base}") is None
    directory.close()


def test_a_text_that_is_no_filter_is_refused_before_anything_is_sent(world: LdapWorld, wire: str) -> None:
    directory = Directory(settings_for(world.server, wire=wire))
    with pytest.raises(UsageError, match="is not an LDAP filter"):
        directory.search(Query(world.base, "(mail=a"))
    assert directory.requests == 0
    directory.close()


def test_both_wires_read_the_same(world: LdapWorld) -> None:
    world.person("odd, + #1", description="é", sn="  blank  ")
    query = Query(world.base, attributes=("*", "entryUUID"))
    lean, stock = (Directory(settings_for(world.server, wire=wire)) for wire in ("lean", "stock"))
    assert sorted(lean.search(query), key=str) == sorted(stock.search(query), key=str)
    assert lean.requests == stock.requests == 1
    lean.close()
    stock.close()


def test_a_write_whose_answer_is_lost_is_unknown_and_never_sent_again(world: LdapWorld, wire: str) -> None:
    wanted = [
        Add(f"ou=unit{number},{world.groups_base}", {"objectClass": (b"organizationalUnit",)})
        for number in range(100)
    ]
    with CuttingProxy(world.server.url) as proxy:
        directory = Directory(settings_for(world.server, urls=(proxy.url,), wire=wire))
        directory.root()
        proxy.swallow()
        codes = [reply.code for reply in directory.write(wanted)]
        directory.close()
    assert set(codes) == {LOST, NOT_SENT}
    made = world.hands.search(Query(world.groups_base, scope="one"))
    assert 1 <= len(made) <= codes.count(LOST)


def test_a_read_that_breaks_once_is_begun_anew(world: LdapWorld, wire: str) -> None:
    directory = Directory(settings_for(world.server, wire=wire))
    directory.root()
    world.server.stop()
    world.server.start()
    world.hands.connection.close()
    assert len(directory.search(Query(world.base))) == 6
    directory.close()
