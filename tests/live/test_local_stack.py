"""The local servers: each starts, is the one we started, ends by its pid, and comes back with its data."""

from __future__ import annotations

import smtplib
import socket
from typing import TYPE_CHECKING

import ldap3
import psycopg
import pytest

from deploy.local.process import listens
from deploy.local.servers import MailSink, Slapd

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.local.servers import Keycloak, Postgres

pytestmark = pytest.mark.live


def test_keycloak_gives_its_service_account_every_right(keycloak_server: Keycloak, realm: str) -> None:
    realms = {found["realm"] for found in keycloak_server.admin("GET", "realms")}
    assert {"master", realm} <= realms


def test_postgres_gives_each_test_an_empty_database(postgres_server: Postgres) -> None:
    first, second = postgres_server.fresh_database(), postgres_server.fresh_database()
    assert first != second
    with psycopg.connect(first.replace("+psycopg", "")) as connection:
        assert connection.execute(
            "select count(*) from pg_tables where schemaname = 'public'"
        ).fetchone() == (0,)


def test_slapd_keeps_its_data_and_ports_over_a_restart(slapd_server: Slapd, ldap_base: str) -> None:
    before, url = slapd_server.process(), slapd_server.url
    slapd_server.restart()
    assert slapd_server.process() != before
    assert slapd_server.url == url
    connection = ldap3.Connection(url, slapd_server.bind_dn, slapd_server.bind_password, auto_bind=True)
    assert connection.search(ldap_base, "(objectClass=organizationalUnit)")
    connection.unbind()


def test_mail_that_is_sent_is_shown_with_its_links_and_delivered_nowhere(mail_sink: MailSink) -> None:
    mail_sink.clear()
    with smtplib.SMTP(mail_sink.smtp_host, mail_sink.smtp_port) as connection:
        connection.sendmail(
            "realm@example.org",
            ["ada@example.org"],
            "From: realm@example.org\nSubject: Welcome\n\nOpen http://127.0.0.1/a?b=1&c=2.\n",
        )
    (message,) = mail_sink.messages()
    assert (message["to"], message["subject"]) == (["ada@example.org"], "Welcome")
    assert message["links"] == ["http://127.0.0.1/a?b=1&c=2"]


def test_a_stopped_server_is_gone_and_a_second_opening_of_its_directory_finds_it_so(tmp_path: Path) -> None:
    server = Slapd(tmp_path / "slapd").start()
    process, port = server.process(), server.port("ldap")
    assert listens(process, port)
    Slapd(tmp_path / "slapd").stop()
    assert not server.alive()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_starting_a_running_server_keeps_its_process(tmp_path: Path) -> None:
    first = Slapd(tmp_path / "slapd").start()
    try:
        assert Slapd(tmp_path / "slapd").start().process() == first.process()
    finally:
        first.wipe()


def test_a_port_taken_by_somebody_else_is_never_mistaken_for_ours(tmp_path: Path) -> None:
    server = Slapd(tmp_path / "slapd").start()
    server.stop()
    port = server.port("ldap")
    with socket.create_server(("127.0.0.1", port)):
        try:
            server.start()
            assert server.port("ldap") != port
        finally:
            server.wipe()
