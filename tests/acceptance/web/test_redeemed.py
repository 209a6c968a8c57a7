"""A link from end to end, each part in a process of its own: API, public page, and the daemon that acts.

The public page is given a syncd.yaml of its own, which names no server: it has nothing to lose.
"""

from __future__ import annotations

import os
import signal
import subprocess
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from deploy.local.process import free_port
from tests.acceptance.acting import LONG_PASSWORD, mails_to
from tests.acceptance.web.portal import Portal
from tests.acceptance.web.stranger import Door
from tests.live.directory.invitee import Invitee
from tests.system.site import REPOSITORY
from tests.system.test_daemon import NEVER, PATIENCE, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.local.servers import MailSink
    from tests.acceptance.product import Product

pytestmark = pytest.mark.live

ISSUER, OWNER = "naima.cherif@tilleul.example", "helene.marceau@tilleul.example"
STRANGER = "solange.petit@dehors.example"


@contextmanager
def process(site: Product, config: str, role: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`syncd daemon` in one role, until the end; it ends well when it is told to."""
    command = [
        word if word != str(site.config) else config for word in site.command("daemon", "--role", role)
    ]
    environment = {"PYTHONPATH": str(REPOSITORY), "SYNCD_LISTEN__HEALTH": f"127.0.0.1:{free_port()}"}
    if role != "all":
        environment[f"SYNCD_LISTEN__{role.upper()}"] = f"127.0.0.1:{port}"
    with (site.folder / f"{role}.log").open("ab") as log:
        running = subprocess.Popen(
            command, cwd=site.folder, stdout=log, stderr=log, env={**os.environ, **environment}
        )
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        assert running.wait(PATIENCE) == 0


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def test_7_docspace_a_stranger_with_a_link_is_a_power_user_once_the_mailed_link_is_finished(
    product: Callable[[str], Product], mail_sink: MailSink
) -> None:
    site = product("docspace")
    web, public = free_port(), free_port()
    url = f"http://127.0.0.1:{public}"
    text = site.config.read_text("utf-8")
    site.config.write_text(f"{text}\n{NEVER}public_url: {url}\n", "utf-8")
    alone = site.folder / "public.yaml"
    alone.write_text(
        f"environment: production\nstore: sqlite:{site.folder}/syncd.db\n"
        f"integrity_key: {{file: {site.folder}/syncd.key}}\npublic_url: {url}\n"
    )
    mail_sink.clear()
    with ExitStack() as running:
        daemon = running.enter_context(process(site, str(site.config), "all", 0))
        running.enter_context(process(site, str(site.config), "web", web))
        running.enter_context(process(site, str(alone), "public", public))
        eventually(lambda: answers(f"http://127.0.0.1:{web}/healthz") and answers(f"{url}/join/x"))
        portal, page = Portal(site, f"http://127.0.0.1:{web}"), Door(url)
        made = portal.post("links", ISSUER, unit="/tilleul", role="power_user").ok()
        assert made["url"] == f"{url}/join/{made['token']}"

        known = page.stranger().redeem(made["token"], OWNER)
        unknown = page.stranger().redeem(made["token"], STRANGER)
        assert (known.status, known.text) == (200, unknown.text)
        (mail,) = eventually(lambda: mails_to(mail_sink, STRANGER))
        account = site.users()[STRANGER]
        assert (account["emailVerified"], site.groups_of(STRANGER)) == (False, set())

        assert Invitee().accept(mail["links"][0], password=LONG_PASSWORD).done
        daemon.send_signal(signal.SIGUSR1)
        eventually(lambda: site.groups_of(STRANGER) == {"/tilleul/power_user"})
        eventually(lambda: "cn=power_user,ou=tilleul" in site.entry_groups_of(STRANGER))
        assert mails_to(mail_sink, OWNER) == []
    for log in ("web.log", "public.log", "all.log"):
        assert made["token"] not in (site.folder / log).read_text()
