"""Real servers for the tests that need them, started once for a run and shared.

Who asks for a fixture gets a running server; a run without live tests starts none. Keycloak and PostgreSQL
are shared by all workers of a run (each test has its own `realm` or `fresh_database()`); slapd and the mail
sink, which tests stop and empty, are each worker's own. `tests/run` starts the shared ones and names their
directories in SYNCD_TEST_SERVERS; a pytest run by hand does so itself, and whoever started a server ends it.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import ldap3
import pytest

from deploy.local.process import ProcessId, ServerFailed
from deploy.local.servers import Keycloak, MailSink, Postgres, Slapd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.server import Server

VARIABLE = "SYNCD_TEST_SERVERS"
SHARED = {"keycloak": Keycloak, "postgres": Postgres}
HOME = Path(tempfile.gettempdir()) / "syncd-tests"


def pytest_configure(config: pytest.Config) -> None:
    """The run's main process names the directories; its workers inherit the names and meet in them."""
    if hasattr(config, "workerinput") or VARIABLE in os.environ:
        return
    _end_abandoned_runs()
    run = _run_directory()
    os.environ[VARIABLE] = json.dumps({name: str(run / name) for name in SHARED})
    config.add_cleanup(lambda: _end_run(run))


def _run_directory() -> Path:
    """A directory named after this process: a later run can tell that it ended without cleaning up."""
    me = ProcessId.of(os.getpid())
    run = HOME / f"{me.number}-{me.born}"
    run.mkdir(parents=True)
    for directory in (HOME, run):
        directory.chmod(0o755)  # PostgreSQL's account must reach its own directory below
    return run


def _end_abandoned_runs() -> None:
    for run in HOME.glob("*-*"):
        number, born = run.name.split("-")
        if not ProcessId(int(number), int(born)).alive():
            _end_run(run)


def _end_run(run: Path) -> None:
    os.environ.pop(VARIABLE, None)
    for name, kind in {**SHARED, "slapd": Slapd, "mailsink": MailSink}.items():
        for directory in run.glob(f"{name}*"):
            if directory.is_dir():
                with contextlib.suppress(ServerFailed):
                    kind(directory).stop()
    shutil.rmtree(run, ignore_errors=True)


def _shared(name: str) -> Server:
    directory = Path(json.loads(os.environ[VARIABLE])[name])
    return SHARED[name](directory).start()


@pytest.fixture(scope="session")
def keycloak_server() -> Keycloak:
    """`url`, `admin_client_id`, `admin_client_secret`, `admin_token()`, `admin(method, path, body)`."""
    return _shared("keycloak")


@pytest.fixture(scope="session")
def postgres_server() -> Postgres:
    """`url` and `fresh_database()`, both for SQLAlchemy."""
    return _shared("postgres")


@pytest.fixture(scope="session")
def own_directory() -> Iterator[Path]:
    """Where this worker's own servers live."""
    beside = Path(json.loads(os.environ[VARIABLE])["keycloak"]).parent
    beside.mkdir(parents=True, exist_ok=True)
    return beside


@pytest.fixture(scope="session")
def slapd_server(own_directory: Path, worker: str) -> Iterator[Slapd]:
    """`url`, `tls_url`, `ca`, `suffix`, `admin_dn|password`, `bind_dn|password`, `stop()`, `start()`."""
    server = Slapd(own_directory / f"slapd-{worker}").start()
    yield server
    server.wipe()


@pytest.fixture(scope="session")
def mail_sink(own_directory: Path, worker: str) -> Iterator[MailSink]:
    """`smtp_host`, `smtp_port`, `url`, `messages()`, `clear()`."""
    server = MailSink(own_directory / f"mailsink-{worker}").start()
    yield server
    server.wipe()


@pytest.fixture(scope="session")
def worker() -> str:
    """xdist's name of this worker; "main" without xdist."""
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture
def realm_name(keycloak_server: Keycloak) -> Iterator[str]:
    """A name no realm has yet; a realm made under it is removed afterwards."""
    name = f"t-{secrets.token_hex(5)}"
    yield name
    keycloak_server.remove_realm(name)


@pytest.fixture
def realm(keycloak_server: Keycloak, realm_name: str) -> str:
    """The name of a new, empty realm that exists; removed afterwards."""
    keycloak_server.make_realm(realm_name)
    return realm_name


@pytest.fixture
def ldap_base(slapd_server: Slapd) -> Iterator[str]:
    """The DN of a new, empty `ou` below the suffix; removed afterwards with all below it."""
    name = f"t-{secrets.token_hex(5)}"
    base = f"ou={name},{slapd_server.suffix}"
    with _as_admin(slapd_server) as connection:
        connection.add(base, "organizationalUnit", {"ou": name})
    yield base
    if not slapd_server.alive():
        slapd_server.start()
    with _as_admin(slapd_server) as connection:
        _remove_tree(connection, base)


@contextlib.contextmanager
def _as_admin(server: Slapd) -> Iterator[ldap3.Connection]:
    address = ldap3.Server("127.0.0.1", port=server.port("ldap"), get_info=ldap3.NONE)
    connection = ldap3.Connection(address, server.admin_dn, server.admin_password, raise_exceptions=True)
    connection.bind()
    yield connection
    connection.unbind()  # the end of ldap3's own `with` does not close a connection that was bound before


def _remove_tree(connection: ldap3.Connection, base: str) -> None:
    try:
        connection.search(base, "(objectClass=*)", ldap3.SUBTREE, attributes=["1.1"])
    except ldap3.core.exceptions.LDAPNoSuchObjectResult:
        return
    for dn in sorted(
        (entry["dn"] for entry in connection.response), key=lambda dn: dn.count(","), reverse=True
    ):
        connection.delete(dn)
