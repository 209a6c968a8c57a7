"""Operators hear of each change of reason once, by mail and webhook, from daemons on real servers."""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug import Response

from tests.cutting_proxy import CuttingProxy
from tests.system.test_daemon import NEVER, PATIENCE, eventually, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_httpserver import HTTPServer
    from werkzeug import Request

    from deploy.local.servers import MailSink, Postgres, Slapd
    from tests.system.site import Site
    from tests.system.test_daemon import Serving

pytestmark = pytest.mark.live

KILLED = Path(__file__).with_name("killed_telling.py")
OPERATOR = "ops@acme.example"
SECRET = "s" * 40
TEAMS = """\
syncd: 1
policy: {removals: {at_most: 1}}
organizations:
  acme:
    teams:
      sre: {members: {member: [ann@acme.example, bob@acme.example, eve@acme.example]}}
"""
GROUPS = """\
syncd: 1
organizations: {acme: {teams: {sre: {}}}}
keycloak: {group: "/{path}"}
"""
ALL, ONE = "[ann@acme.example, bob@acme.example, eve@acme.example]", "[eve@acme.example]"


class Told:
    """A site whose operators are told, and what they and an application got."""

    def __init__(self, site: Site, mails: MailSink, hook: HTTPServer, text: str = TEAMS) -> None:
        self.site, self.sink = site, mails
        self.posts: list[tuple[str, bytes]] = []
        hook.expect_request("/syncd", method="POST").respond_with_handler(self._take)
        mails.clear()
        (site.folder / "hook").write_text(SECRET)
        site.config.write_text(
            f"{site.config.read_text()}{NEVER}"
            f"smtp: {{host: 127.0.0.1, port: {mails.smtp_port}, from: syncd@acme.example}}\n"
            f"notify: {{mail: [{OPERATOR}], after: P0D}}\n"
            f'webhooks: [{{url: "{hook.url_for("/syncd")}", secret: {{file: hook}}}}]\n'
        )
        site.write(text)

    def _take(self, request: Request) -> Response:
        self.posts.append((request.headers["X-Syncd-Signature"], request.data))
        return Response(status=204)

    def mails(self) -> list[dict[str, Any]]:
        return [mail for mail in self.sink.messages() if mail["to"] == [OPERATOR]]

    def subjects(self) -> list[str]:
        return [mail["subject"].partition(": ")[2] for mail in self.mails()]

    def events(self) -> list[str]:
        return [json.loads(body)["event"] for _, body in self.posts]

    def is_heard(self, *subjects: str) -> bool:
        """Whether mails and posts are exactly so many, each once."""
        mails, posts = self.subjects(), self.events()
        assert len(mails) <= len(subjects), mails
        assert len(posts) <= len(subjects), posts
        return mails == [*subjects] and len(posts) == len(subjects)


@pytest.fixture
def told(directory_site: Site, mail_sink: MailSink, httpserver: HTTPServer) -> Told:
    return Told(directory_site, mail_sink, httpserver)


@pytest.fixture
def keycloak(site: Site) -> Iterator[CuttingProxy]:
    """What is between the site and its Keycloak."""
    with CuttingProxy(site.keycloak.url) as proxy:
        url = proxy.url.replace("ldap://", "http://")
        site.config.write_text(site.config.read_text().replace(site.keycloak.url, url))
        yield proxy


def run_until(daemon: Serving, code: int, times: int) -> None:
    """Let runs be made until so many more have ended with that code."""
    before = len([run for run in daemon.records("run") if run["exit_code"] == code])
    for number in range(before + 1, before + 1 + times):
        daemon.signal(signal.SIGUSR1)
        eventually(
            lambda enough=number: (
                len([run for run in daemon.records("run") if run["exit_code"] == code]) >= enough
            )
        )


STOPPED = "acme is stopped by a limit"
WELL = "acme is well again"
FAILING = "acme cannot be made what its files say"
INVALID = "the files of acme are invalid"
KEPT = "syncd.yaml is invalid, the last valid one stays in force"
STALE = "acme is not run any more"
UNREADABLE, READABLE = "syncd.yaml is invalid", "syncd.yaml is valid again"


def test_each_change_of_reason_is_one_mail_and_one_signed_post(told: Told, slapd_server: Slapd) -> None:
    site = told.site
    site.apply().ok()
    with serving(site) as daemon:
        site.edit(ALL, ONE)
        run_until(daemon, 3, 3)
        eventually(lambda: told.is_heard(STOPPED))
        plan = next(word for word in told.mails()[0]["text"].split() if len(word) == 12 and word.isalnum())
        (row,) = site.cli("--output", "json", "status").ok().json["mappings"]
        assert (row["reason"], row["about"], bool(row["told"])) == ("stopped", ["removals"], True)
        site.cli("plans", "approve", plan).ok()
        run_until(daemon, 0, 2)
        eventually(lambda: told.is_heard(STOPPED, WELL))

        slapd_server.stop()
        run_until(daemon, 4, 2)
        eventually(lambda: told.is_heard(STOPPED, WELL, FAILING))
        slapd_server.start()
        run_until(daemon, 0, 1)
        eventually(lambda: told.is_heard(STOPPED, WELL, FAILING, WELL))

        site.edit("      sre:", "      sre")
        eventually(lambda: told.is_heard(STOPPED, WELL, FAILING, WELL, INVALID))
        run_until(daemon, 0, 2)  # by the files that were valid last
        assert "acme.yaml:6:" in told.mails()[-1]["text"]
        site.edit("      sre", "      sre:")
        eventually(lambda: told.is_heard(STOPPED, WELL, FAILING, WELL, INVALID, WELL))
        eventually(lambda: 'syncd_notices_waiting{mapping="acme"} 0.0' in daemon.get("/metrics")[1])
        assert daemon.end() == 0
    seconds, mac = (part.partition("=")[2] for part in told.posts[0][0].split(","))
    signed = f"{seconds}.".encode() + told.posts[0][1]
    assert mac == hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert len({json.loads(body)["id"] for _, body in told.posts}) == 6


def test_a_keycloak_that_is_lost_is_told_once_and_once_that_it_is_back(
    site: Site, keycloak: CuttingProxy, mail_sink: MailSink, httpserver: HTTPServer
) -> None:
    told = Told(site, mail_sink, httpserver, GROUPS)
    site.apply().ok()
    with serving(site) as daemon:
        keycloak.swallow()
        run_until(daemon, 4, 3)
        eventually(lambda: told.is_heard(FAILING))
        keycloak.heal()
        run_until(daemon, 0, 2)
        eventually(lambda: told.is_heard(FAILING, WELL))
        assert daemon.end() == 0
    assert told.is_heard(FAILING, WELL)
    lost, _ = (json.loads(body)["data"] for _, body in told.posts)
    assert (lost["names"], lost["what"].partition(" broke")[0]) == (
        "keycloak",
        f"sso: the connection to {keycloak.url.replace('ldap', 'http')}/",
    )
    assert lost["what"] in told.mails()[0]["text"]


def test_killed_before_a_notice_left_the_next_daemon_sends_it_once(told: Told) -> None:
    told.site.apply().ok()
    with serving(told.site, [sys.executable, str(KILLED), *told.site.command("daemon")[3:]]) as killed:
        told.site.edit(ALL, ONE)
        assert killed.process.wait(PATIENCE) == -signal.SIGKILL
    assert told.is_heard()
    with serving(told.site) as daemon:
        eventually(lambda: told.is_heard(STOPPED))
        run_until(daemon, 3, 1)
        assert daemon.end() == 0
    assert told.is_heard(STOPPED)


def test_two_daemons_on_one_store_tell_it_once(told: Told, postgres_server: Postgres) -> None:
    site = told.site
    site.keep_in(postgres_server.fresh_database())
    site.apply().ok()
    with serving(site) as one, serving(site) as other:
        site.edit(ALL, ONE)
        for number, daemon in enumerate((one, other, one, other), 1):
            daemon.signal(signal.SIGUSR1)
            eventually(lambda enough=number: len([*one.records("run"), *other.records("run")]) >= enough)
        eventually(lambda: told.is_heard(STOPPED))
        assert (one.end(), other.end()) == (0, 0)
    assert told.is_heard(STOPPED)


def test_a_mapping_that_nobody_runs_is_told_once_and_is_well_again_once_somebody_does(
    told: Told, postgres_server: Postgres
) -> None:
    site = told.site
    site.keep_in(postgres_server.fresh_database())
    site.apply().ok()
    rhythm = NEVER.replace("0 0 1 1 *", "* * * * * *")
    site.config.write_text(site.config.read_text().replace(NEVER, rhythm))
    with serving(site, site.command("daemon", "--role", "scheduler")) as scheduler:

        def look_again() -> bool:
            before = len(scheduler.records("reloaded"))
            scheduler.signal(signal.SIGHUP)
            eventually(lambda: len(scheduler.records("reloaded")) > before)
            return bool(told.subjects())

        eventually(look_again)
        for _ in range(3):
            look_again()
        eventually(lambda: told.is_heard(STALE))
        site.configure(site.config.read_text().replace(rhythm, NEVER))
        for _ in range(3):  # one may be under way, one takes it, one begins once it is taken:
            look_again()  # due every second, a mapping whose worker halts would be left alone again
        assert json.loads(told.posts[0][1])["data"]["ended"] in told.mails()[0]["text"]
        with serving(site, site.command("daemon", "--role", "worker")) as worker:
            eventually(lambda: told.is_heard(STALE, WELL))
            look_again()
            assert (scheduler.end(), worker.end()) == (0, 0)
    assert told.is_heard(STALE, WELL)


def test_an_invalid_syncd_yaml_is_told_once_by_what_it_said_before_and_once_that_it_is_valid(
    told: Told,
) -> None:
    site, valid = told.site, told.site.config.read_text()
    added = valid.count("\n") + 1
    site.apply().ok()
    with serving(site) as daemon:
        site.configure(f"{valid}mial: hold\n")
        for reload in (1, 2):
            daemon.signal(signal.SIGHUP)
            eventually(lambda enough=reload: len(daemon.records(KEPT)) >= enough)
        eventually(lambda: told.is_heard(UNREADABLE))
        assert f"syncd.yaml:{added}:1: " in told.mails()[0]["text"]
        daemon.process.kill()
        daemon.process.wait()
    ended = site.cli("daemon")
    assert (ended.code, told.is_heard(UNREADABLE)) == (65, True)
    site.config.write_text(valid)
    with serving(site) as daemon:
        eventually(lambda: told.is_heard(UNREADABLE, READABLE))
        site.config.unlink()
        eventually(lambda: told.is_heard(UNREADABLE, READABLE, UNREADABLE))
        site.configure(valid)
        eventually(lambda: told.is_heard(UNREADABLE, READABLE, UNREADABLE, READABLE))
        assert daemon.end() == 0
    assert told.events() == ["settings.invalid", "settings.recovered"] * 2


def test_doctor_tries_the_mail_server_and_sends_nothing(
    told: Told, mail_sink: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    def own_mails() -> dict[str, str]:
        checks = told.site.cli("--output", "json", "doctor").json["checks"]
        return next(check for check in checks if check["name"] == "own mails")

    assert own_mails()["status"] == "ok"
    assert mail_sink.messages() == []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody answers there
        monkeypatch.setenv("SYNCD_SMTP__PORT", str(taken.getsockname()[1]))
        assert own_mails()["status"] == "fail"
