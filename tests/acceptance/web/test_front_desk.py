"""The web role on PostgreSQL: a process without a secret, whose login may write nothing, answers everything.

Beside it two workers with everything. What it answers is compared with what the API answers in a process that
has everything itself. What PostgreSQL refuses the login is in tests/contract/store/test_grants.py.
"""

from __future__ import annotations

import contextlib
import copy
import os
import shutil
import subprocess
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, text

from deploy.local.process import free_port
from syncd.acts import Invitation
from syncd.app import App
from syncd.errand import UNFINISHED, UNTAKEN
from syncd.store.database import parse
from tests.system.fleet import cut
from tests.system.site import REPOSITORY
from tests.system.test_daemon import Serving, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from deploy.local.servers import Postgres
    from tests.acceptance.product import Product
    from tests.acceptance.web.portal import Portal, Reply

pytestmark = pytest.mark.live

LOGIN, PASSWORD = "syncd_front", "secret"
MEMBER = "lazare.estienne@fanal.example"
ADMIN = "clemence.harispe@fanal.example"
GUEST = "anselme.kouassi@imprimerie-delsol.example"


@dataclass
class Fleet:
    """Workers over a site, and beside it a web process that has less."""

    site: Product
    web: subprocess.Popen[bytes]
    outside: Portal
    inside: Portal
    looks: str
    health: str
    workers: list[Serving] = field(default_factory=list)

    def work(self, number: int) -> None:
        command = self.site.command("daemon", "--role", "worker")
        new = [Serving(self.site, command) for _ in range(number)]
        self.workers += new
        for one in new:
            eventually(lambda one=one: one.get("/healthz")[0] == 200)

    def kill_workers(self) -> None:
        while self.workers:
            process = self.workers.pop().process
            process.kill()
            process.wait()

    def invitations(self, address: str) -> int:
        with contextlib.closing(App.open(self.site.config)) as app:
            found = app._db.acts.all(Invitation, self.site.name)
        return sum(one.address == address for one in found)


@pytest.fixture(scope="module")
def fleet(
    product: Callable[..., Product],
    portal: Callable[[Product], Portal],
    postgres_server: Postgres,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Fleet]:
    """Two workers and a web process over one database."""
    url = postgres_server.fresh_database()
    site = product("todoist", store=url)
    with login(postgres_server, url) as looks:
        site.cli("db", "grant", LOGIN).ok()
        folder = tmp_path_factory.mktemp("web")
        address, health = (f"127.0.0.1:{free_port()}" for _ in range(2))
        web = subprocess.Popen(
            [*replace(site, folder=without_secrets(site, folder, looks)).command("daemon", "--role", "web")],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(REPOSITORY),
                "SYNCD_LISTEN__WEB": address,
                "SYNCD_LISTEN__HEALTH": health,
            },
            cwd=folder,
        )
        outside = copy.copy(portal(site))
        outside.url = f"http://{address}"
        made = Fleet(site, web, outside, portal(site), looks, f"http://{health}")
        try:
            made.work(2)
            eventually(lambda: lives(outside.url))
            yield made
        finally:
            made.kill_workers()
            web.terminate()
            assert web.wait(60) == 0


@contextlib.contextmanager
def login(postgres: Postgres, url: str) -> Iterator[str]:
    """The store's address for a login of its own."""
    server = create_engine(parse(postgres.url), isolation_level="AUTOCOMMIT")
    database = create_engine(parse(url), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE ROLE {LOGIN} LOGIN PASSWORD '{PASSWORD}'"))
    yield parse(url).set(username=LOGIN, password=PASSWORD).render_as_string(hide_password=False)
    with database.connect() as connection:
        connection.execute(text(f"DROP OWNED BY {LOGIN}"))
    with server.connect() as connection:
        connection.execute(text(f"DROP ROLE {LOGIN}"))
    server.dispose()
    database.dispose()


def without_secrets(site: Product, folder: Path, store: str) -> Path:
    """A folder with syncd.yaml, the mapping and the address of the store; no secret of the site is in it."""
    secrets = {file.read_bytes() for file in (site.folder / "secrets").iterdir()}
    secrets |= {(site.folder / name).read_bytes() for name in ("admin", "ldap", "syncd.key", "store")}
    (folder / site.config.name).write_text(site.config.read_text().replace(str(site.folder), str(folder)))
    (folder / "store").write_text(store)
    shutil.copytree(site.mapping, folder / site.name)
    for file in filter(os.path.isfile, folder.rglob("*")):
        assert not any(secret.strip() in file.read_bytes() for secret in secrets), file
    return folder


def lives(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=10) as answer:
            return answer.status == 200
    except OSError:
        return False


def said(reply: Reply) -> tuple[Any, ...]:
    """All of an answer but when it was given."""
    return reply.status, reply.kind, reply.text, {k: v for k, v in reply.headers.items() if k != "date"}


ASKED: dict[str, tuple[int, str, str, Any, str]] = {
    "members": (200, "GET", "members", None, ADMIN),
    "members of a unit": (200, "GET", "members?unit=/fanal", None, MEMBER),
    "a file that the model does not name": (404, "GET", "members/export?unit=/fanal", None, ADMIN),
    "an account": (200, "GET", f"accounts/{GUEST}", None, ADMIN),
    "invitations": (200, "GET", "invitations?everything=true", None, ADMIN),
    "joins": (200, "GET", "joins", None, ADMIN),
    "links": (200, "GET", "links", None, ADMIN),
    "a refused act": (403, "POST", "members/remove", {"unit": "/fanal", "people": [ADMIN]}, ADMIN),
    "a unit that is none": (404, "GET", "members?unit=/nowhere", None, ADMIN),
    "a path that is none": (404, "GET", "nothing", None, ADMIN),
    "a body that is none": (422, "POST", "members", {"unit": "/fanal"}, ADMIN),
    "nobody": (401, "GET", "members", None, ""),
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_a_process_without_secrets_answers_as_one_that_has_them(fleet: Fleet, asked: Any) -> None:
    status, method, path, body, who = asked
    token = fleet.inside.token(who) if who else ""
    outside, inside = (one.call(method, path, body, token) for one in (fleet.outside, fleet.inside))
    assert outside.status == status, outside
    assert said(outside) == said(inside)


def test_an_act_is_done_once_by_whichever_worker_takes_it(fleet: Fleet) -> None:
    new = {"address": "new@fanal.example", "role": "member", "given_name": "New", "family_name": "Person"}
    verdicts = fleet.outside.post("invitations", MEMBER, unit="/fanal", people=[new]).ok()["verdicts"]
    assert [one["allowed"] for one in verdicts] == [True]
    assert fleet.invitations("new@fanal.example") == 1
    link = fleet.outside.post("links", MEMBER, unit="/fanal", role="member").ok()
    assert link["token"]


def test_an_act_under_way_while_every_session_is_ended_is_done_once_and_answered(fleet: Fleet) -> None:
    new = {"role": "member", "given_name": "New", "family_name": "Person", "address": "cut@fanal.example"}
    token = fleet.outside.token(MEMBER)

    def invite() -> Reply:
        return fleet.outside.call("POST", "invitations", {"unit": "/fanal", "people": [new]}, token)

    with contextlib.closing(App.open(fleet.site.config)) as app, ThreadPoolExecutor(1) as thread:
        with app._db.lease(fleet.site.name, "a run", timedelta(minutes=2)):
            waiting = thread.submit(invite)
            eventually(lambda: taken(fleet))
            assert cut((fleet.site.folder / "store").read_text()) > 3
        answer = waiting.result()
    assert answer.status == 200 or (answer.status, answer.headers["retry-after"]) == (503, "2"), answer
    again = eventually(lambda: None if (asked := invite()).status == 503 else asked)
    assert again.status in {200, 403}, again
    assert fleet.invitations(new["address"]) == 1


def test_how_errands_ended_is_told_by_the_front_desk_and_by_workers(fleet: Fleet) -> None:
    before = answered(fleet)
    assert fleet.outside.get("members", ADMIN).ok()
    assert answered(fleet) == before + 1
    told = page(fleet.health)
    assert "syncd_errands_waiting 0.0" in told
    eventually(lambda: any(answered_by(page(worker.url), "worker") for worker in fleet.workers))


def answered(fleet: Fleet) -> int:
    return answered_by(page(fleet.health), "front")


def answered_by(told: str, side: str) -> int:
    begins = f'syncd_errand_duration_seconds_count{{result="answered",side="{side}"}} '
    (line,) = (line for line in told.splitlines() if line.startswith(begins))
    return int(float(line.removeprefix(begins)))


def page(url: str) -> str:
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
        text: str = answer.read().decode()
    return text


def test_what_a_killed_worker_was_asked_for_and_what_nobody_takes_is_not_done_later(fleet: Fleet) -> None:
    new = {"role": "member", "given_name": "New", "family_name": "Person"}
    people = [{"address": f"{name}@fanal.example", **new} for name in ("killed", "untaken", "after")]
    token = fleet.outside.token(MEMBER)

    def invite(number: int) -> Reply:
        return fleet.outside.call(
            "POST", "invitations", {"unit": "/fanal", "people": [people[number]]}, token
        )

    with contextlib.closing(App.open(fleet.site.config)) as app:
        with app._db.lease(fleet.site.name, "a run", timedelta(minutes=2)), ThreadPoolExecutor(1) as thread:
            waiting = thread.submit(invite, 0)
            eventually(lambda: taken(fleet))
            fleet.kill_workers()
            answer = waiting.result()
        assert (answer.status, answer.json["detail"]) == (503, UNFINISHED)
    begun = time.monotonic()
    answer = invite(1)
    assert (answer.status, answer.json["detail"], answer.headers["retry-after"]) == (503, UNTAKEN, "2")
    assert time.monotonic() - begun < 60  # the one bound that whoever asks goes by
    fleet.work(1)
    eventually(lambda: invite(2).status == 200)  # until it has begun to take, nothing is done
    counts = [fleet.invitations(one["address"]) for one in people]
    assert counts == [0, 0, 1]


def taken(fleet: Fleet) -> bool:
    """Whether some worker has an errand in hand."""
    engine = create_engine(parse(fleet.looks))
    with engine.connect() as connection:
        found: int = connection.scalar(text("SELECT count(*) FROM answers WHERE status IS NULL"))
    engine.dispose()
    return found > 0
