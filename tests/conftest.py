"""Real servers for the tests that need them, started once for a run and shared.

Who asks for a fixture gets a running server; a run without live tests starts none. Keycloak and PostgreSQL
are shared by all workers of a run (each test has its own `realm` or `fresh_database()`); slapd and the mail
sink, which tests stop and empty, are each worker's own. `tests/run` starts the shared ones and names their
directories in SYNCD_TEST_SERVERS; a pytest run by hand does so itself, and whoever started a server ends it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import TYPE_CHECKING

import ldap3
import pytest
from hypothesis import HealthCheck, settings

from deploy.local.servers import MailSink, Slapd
from tests.run_servers import SHARD, VARIABLE, begin_run, end_run, run_directory, shared

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.servers import Keycloak, Postgres

settings.register_profile(
    "syncd",
    deadline=None,  # a busy machine is no fault of the code
    suppress_health_check=[HealthCheck.too_slow],
    # the same examples in every run, so that none fails by chance; new ones where somebody searches
    derandomize=not int(os.environ.get("SYNCD_LAW_EXAMPLES", "0")),
)
settings.load_profile("syncd")


def pytest_configure(config: pytest.Config) -> None:
    """The run's main process names the directories; its workers inherit the names and meet in them."""
    if hasattr(config, "workerinput") or VARIABLE in os.environ:
        return
    run = begin_run()

    def end() -> None:
        del os.environ[VARIABLE]
        end_run(run)

    config.add_cleanup(end)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep every N-th test from the K-th where SYNCD_TEST_SHARD says K/N: all shards are the whole."""
    if SHARD not in os.environ:
        return
    number, shards = map(int, os.environ[SHARD].split("/"))
    left_out = [item for place, item in enumerate(items) if place % shards != number - 1]
    items[:] = items[number - 1 :: shards]
    config.hook.pytest_deselected(items=left_out)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests measured."""
    reports = (report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome))
    figures = [report for report in reports if report.when == "call" and report.user_properties]
    if figures:
        terminalreporter.section("figures")
    for report in figures:
        terminalreporter.line(report.nodeid)
        for name, value in report.user_properties:
            terminalreporter.line(f"  {name}: {value}")


@pytest.fixture(scope="session")
def keycloak_server() -> Keycloak:
    """`url`, `admin_client_id`, `admin_client_secret`, `admin_token()`, `admin(method, path, body)`."""
    return shared("keycloak")


@pytest.fixture(scope="session")
def postgres_server() -> Postgres:
    """`url` and `fresh_database()`, both for SQLAlchemy."""
    return shared("postgres")


@pytest.fixture(scope="session")
def slapd_server(worker: str) -> Iterator[Slapd]:
    """`url`, `tls_url`, `ca`, `suffix`, `admin_dn|password`, `bind_dn|password`, `stop()`, `start()`."""
    server = Slapd(run_directory() / f"slapd-{worker}").start()
    yield server
    server.wipe()


@pytest.fixture(scope="session")
def mail_sink(worker: str) -> Iterator[MailSink]:
    """`smtp_host`, `smtp_port`, `url`, `messages()`, `clear()`."""
    server = MailSink(run_directory() / f"mailsink-{worker}").start()
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
