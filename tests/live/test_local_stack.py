"""The local servers: each starts, is the one we started, ends by its pid, and comes back with its data."""

from __future__ import annotations

import os
import re
import shutil
import signal
import smtplib
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from email.message import EmailMessage
from typing import TYPE_CHECKING

import ldap3
import psycopg
import pytest

from deploy.docker.directory import Directory
from deploy.local import keycloak
from deploy.local.daemon import SYNCD
from deploy.local.keycloak import REPOSITORY
from deploy.local.process import listens
from deploy.local.servers import MailSink, ServerFailed, Slapd
from deploy.local.stack import REALM, Stack, run, status, stop

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.local.servers import Keycloak, Postgres, Server

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


def test_a_second_run_finds_the_servers_of_the_first_and_a_dead_one_comes_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        assert run(Stack(tmp_path / "stack"), servers_only=True) == 0
        before = _processes(Stack(tmp_path / "stack"))
        dead = Stack(tmp_path / "stack").slapd
        os.kill(dead.process().number, signal.SIGKILL)
        while dead.alive():  # a signal is delivered when the kernel gets to it
            time.sleep(0.05)
        assert status(Stack(tmp_path / "stack")) == 1
        assert "slapd     DEAD" in capsys.readouterr().out

        assert run(Stack(tmp_path / "stack"), servers_only=True) == 0
        after = _processes(Stack(tmp_path / "stack"))
        assert {name for name in after if after[name] == before[name]} == {"keycloak", "mailsink"}
        assert status(Stack(tmp_path / "stack")) == 0
        assert f"keycloak runs already on {Stack(tmp_path / 'stack').keycloak.url}" in capsys.readouterr().out
    finally:
        stop(Stack(tmp_path / "stack"), wipe=True)
    assert not (tmp_path / "stack").exists()


def _processes(stack: Stack) -> dict[str, object]:
    return {server.name: server.process() for server in stack.servers}


def test_secrets_of_the_stack_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    server = Slapd(tmp_path / "slapd").start()
    try:
        assert stat.S_IMODE((server.directory / "server.json").stat().st_mode) == 0o600
        written = Stack(tmp_path).secret_file("ldap", server.bind_password)
        assert stat.S_IMODE(written.stat().st_mode) == 0o600
        assert not list(server.directory.glob("*.ldif"))
    finally:
        server.wipe()


def test_a_server_that_cannot_start_says_why_with_the_end_of_its_log(tmp_path: Path) -> None:
    server = Slapd(tmp_path / "slapd").start()
    server.stop()
    shutil.rmtree(server.directory / "data")
    with pytest.raises(ServerFailed, match=r"slapd ended while starting\. Last lines of .*log") as failure:
        server.start()
    assert "No such file or directory" in str(failure.value)
    assert not server.alive()


def test_the_inbox_page_shows_a_mail_and_never_runs_its_scripts(mail_sink: MailSink) -> None:
    mail_sink.clear()
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "realm@example.org", "ada@example.org", "Über <b>uns</b>"
    mail.set_content("See https://example.org/join?key=a&b=c")
    mail.add_alternative(
        '<p><a href="https://example.org/x?a=1&amp;b=2">x</a><script>1</script>', subtype="html"
    )
    with smtplib.SMTP(mail_sink.smtp_host, mail_sink.smtp_port) as connection:
        connection.send_message(mail)
    (message,) = mail_sink.messages()
    assert message["links"] == ["https://example.org/join?key=a&b=c", "https://example.org/x?a=1&b=2"]
    page = _get(f"{mail_sink.url}messages/{message['id']}")
    assert "Über &lt;b&gt;uns&lt;/b&gt;" in page
    assert '<a href="https://example.org/join?key=a&amp;b=c"' in page
    assert "<script>1" not in page
    assert 'sandbox="allow-popups' in page
    assert "Über &lt;b&gt;uns" in _get(mail_sink.url)


def _get(url: str) -> str:
    with urllib.request.urlopen(url) as response:
        return response.read().decode()


def test_the_directory_of_the_container_takes_its_password_from_the_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from the secret\n")
    made = Directory(tmp_path / "slapd", tmp_path / "secret")
    made.make_once()
    assert made.command()[-1] == "ldap://:3890/ ldaps://:6360/"
    server = Slapd(tmp_path / "slapd").start()
    try:
        ldap3.Connection(server.url, server.bind_dn, "from the secret", auto_bind=True).unbind()
    finally:
        server.wipe()


@pytest.mark.full
def test_a_preparation_of_keycloak_that_was_killed_heals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCD_CACHE", str(tmp_path))
    preparing = "from deploy.local import keycloak; keycloak.prepared()"
    with subprocess.Popen([sys.executable, "-c", preparing], cwd=REPOSITORY) as killed:
        left = _first_start(killed, tmp_path)
        killed.kill()
    orphan = left.process()
    assert orphan.alive()

    home = keycloak.prepared()
    assert not orphan.alive()
    assert (home / "login.json").exists()
    assert not list(tmp_path.glob("*.unfinished-*"))


def _first_start(preparing: subprocess.Popen[bytes], cache: Path) -> Server:
    """The unfinished server, as soon as it has a process."""
    while preparing.poll() is None:
        for record in cache.glob("*.unfinished-*/server.json"):
            server = keycloak.Keycloak(record.parent)
            if server.process() is not None:
                return server
        time.sleep(0.05)
    pytest.fail(f"the preparation ended by itself with {preparing.returncode}")


def _somebody_taken_out_of_a_group_comes_back(stack: Stack) -> None:
    """As a newcomer does it, in the console: the daemon notices."""

    def admin(method: str, path: str) -> list[dict[str, str]]:
        return stack.keycloak.admin(method, f"realms/{REALM}/{path}")

    users = admin("GET", "users?max=100")
    user, groups = next(
        (one["id"], found) for one in users if (found := admin("GET", f"users/{one['id']}/groups"))
    )
    admin("DELETE", f"users/{user}/groups/{groups[0]['id']}")
    limit = time.monotonic() + 90
    while groups[0]["id"] not in {group["id"] for group in admin("GET", f"users/{user}/groups")}:
        assert time.monotonic() < limit, stack.daemon.log.read_text()
        time.sleep(0.5)


def _told_by_the_daemon(stack: Stack) -> str:
    """`syncd status`, again where the daemon is too busy to answer it within its two seconds."""
    limit = time.monotonic() + 90
    while True:
        command = [SYNCD, "--config", stack.settings, "status"]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        if "No daemon" not in told or time.monotonic() > limit:
            return told
        time.sleep(0.5)


def test_a_run_applies_the_demo_and_a_second_one_has_nothing_to_do(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    try:
        assert run(Stack(tmp_path / "stack"), servers_only=False) == 0
        first = capfd.readouterr().out
        assert run(Stack(tmp_path / "stack"), servers_only=False) == 0
        second = capfd.readouterr().out
        assert status(Stack(tmp_path / "stack")) == 0
        assert "syncd     ok" in capfd.readouterr().out
        told = _told_by_the_daemon(Stack(tmp_path / "stack"))
        _somebody_taken_out_of_a_group_comes_back(Stack(tmp_path / "stack"))
    finally:
        stop(Stack(tmp_path / "stack"), wipe=True)
    assert "No daemon" not in told
    assert re.search(r"^  [1-9]\d* done$", first, re.MULTILINE)
    assert "Keycloak   http://127.0.0.1:" in first
    assert "syncd is ready on http://127.0.0.1:" in first
    assert "Nothing to change." in second
    assert not re.search(r"^  \d+ done$", second, re.MULTILINE)
