"""Changes by hand on servers that a daemon looks after: somebody is taken out of a group, and comes back."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.process import free_port
from syncd.ldapwire.connection import ConnectionSettings
from syncd.ldapwire.directory import Directory
from syncd.ldapwire.operations import Modify, Query
from syncd.targets.keycloak_connection import KeycloakConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.local.servers import Keycloak, Slapd

REPOSITORY = Path(__file__).resolve().parents[2]
PERIOD = 30  # seconds, in which it looks twice: what a daemon has unless it is told otherwise
PATIENCE = 600.0


@contextmanager
def looked_after(folder: Path) -> Iterator[None]:
    """A daemon over the site in `folder` that is due once a year and looks each `PERIOD` seconds."""
    port = free_port()
    given = {
        "SYNCD_EVENTS": f"PT{PERIOD}S",
        "SYNCD_SCHEDULE__CRON": "0 0 1 1 *",
        "SYNCD_LISTEN__HEALTH": f"127.0.0.1:{port}",
        "PYTHONPATH": str(REPOSITORY),
    }
    command = [sys.executable, "-m", "syncd.cli", "--config", str(folder / "syncd.yaml"), "daemon"]
    with (folder / "daemon.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env={**os.environ, **given})
    try:
        _until(lambda: _answers(f"http://127.0.0.1:{port}/readyz"))
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def in_keycloak(server: Keycloak, realm: str, group: str) -> None:
    """Take a member out of the group at this path, as an administrator, and wait until they are back."""
    admin = KeycloakConnection(
        url=server.url,
        realm=realm,
        login_realm="master",
        client_id=server.admin_client_id,
        client_secret=server.admin_client_secret,
    )
    native = admin.get("group-by-path", *group.strip("/").split("/"))["id"]

    def members() -> list[str]:
        return [one["id"] for one in admin.get("groups", native, "members", first=0, max=1000)]

    gone = members()[0]
    assert admin.call("DELETE", "users", gone, "groups", native).ok
    _until(lambda: gone in members())
    admin.close()


def in_directory(server: Slapd, base: str) -> None:
    """Take a member out of a group below `base`, as an administrator, and wait until they are back."""
    login = {"bind_dn": server.admin_dn, "password": server.admin_password}
    directory = Directory(ConnectionSettings(name="admin", urls=(server.url,), **login))
    groups = directory.search(Query(base, "(objectClass=groupOfNames)", ("member",)))
    where, members = next((one.dn, one.texts("member")) for one in groups if len(one.texts("member")) > 1)
    (reply,) = directory.write([Modify(where, (("delete", "member", (members[0].encode(),)),))])
    assert reply.code == 0, reply
    _until(lambda: members[0] in (directory.entry(where) or groups[0]).texts("member"))
    directory.close()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _until(met: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < limit, "not met in time"
        time.sleep(0.1)
