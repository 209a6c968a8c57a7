"""A login that may only look cannot write what gives access, whatever it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import ProgrammingError

from syncd.cluster import Queue
from syncd.dispatch import Trigger
from syncd.errand import Errand, Reply
from syncd.errand_queue import Answering, Sender
from syncd.errors import StoreError, UsageError
from syncd.store import open_store, tables
from syncd.store.database import parse
from tests.contract.store.facts import KEY, create, give, member, membership

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.local.servers import Postgres

LOGIN = "Web login"
JOBS = "procrastinate.procrastinate_jobs"
ERRAND = Errand("GET", "/api/v1/acme/members", "", (), b"")
FORBIDDEN = (  # a run, and what keeps one or other errands from their turn
    {"queue_name": "runs"},
    {"lock": "acme"},
    {"queueing_lock": "now:acme"},
    {"priority": "1"},
    {"scheduled_at": "2026-01-01"},
)


@pytest.fixture
def url(postgres_server: Postgres) -> str:
    return postgres_server.fresh_database()


@pytest.fixture
def granted(url: str) -> Iterator[str]:
    """The address for the login, over a store with something in it."""
    owner = create_engine(parse(url), isolation_level="AUTOCOMMIT")
    with owner.connect() as connection, open_store(url, KEY) as store:
        store.upgrade()
        give(store, create(member(1, "acme"), membership(1, "/acme")))
        connection.execute(text(f"CREATE ROLE \"{LOGIN}\" LOGIN PASSWORD 'secret'"))
        store.grant(LOGIN, only_show=False)
        yield parse(url).set(username=LOGIN, password="secret").render_as_string(hide_password=False)
        connection.execute(text(f'DROP OWNED BY "{LOGIN}"'))
        connection.execute(text(f'DROP ROLE "{LOGIN}"'))
    owner.dispose()


@pytest.mark.live
def test_it_reads_everything_and_postgresql_refuses_it_every_write(granted: str) -> None:
    engine = create_engine(granted, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM ledger")) == 1
        for table in tables.metadata.tables:
            column = next(iter(tables.metadata.tables[table].columns)).name
            for statement in (
                f"INSERT INTO {table} DEFAULT VALUES",
                f"UPDATE {table} SET {column} = {column}",
                f"DELETE FROM {table}",
                f"TRUNCATE {table}",
            ):
                with pytest.raises(ProgrammingError, match="permission denied"):
                    connection.execute(text(statement))
    engine.dispose()


@pytest.mark.live
def test_it_hands_errands_over_and_can_neither_read_change_nor_take_away_what_others_asked(
    granted: str, url: str
) -> None:
    owner = Queue(url, 0)
    assert owner.ask("acme", Trigger.SCHEDULE)
    seen = []
    with Sender(granted) as sender, Answering(url, lambda one: seen.append(one) or Reply(204, (), b"")):
        assert sender.send(ERRAND).status == 204
    assert seen == [ERRAND]
    engine = create_engine(granted, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        assert connection.scalar(text(f"SELECT count(id) FROM {JOBS}")) == 0
        for statement in (
            f"SELECT args FROM {JOBS}",
            f"UPDATE {JOBS} SET priority = 9",
            f"DELETE FROM {JOBS}",
            "SELECT * FROM procrastinate.procrastinate_workers",
        ):
            with pytest.raises(ProgrammingError, match="permission denied"):
                connection.execute(text(statement))
        for other in FORBIDDEN:
            job = {"queue_name": "errands", "task_name": "syncd.errand"} | other
            values = ", ".join(f"'{value}'" for value in job.values())
            with pytest.raises(ProgrammingError, match="row-level security"):
                connection.execute(text(f"INSERT INTO {JOBS} ({', '.join(job)}) VALUES ({values})"))
    engine.dispose()
    assert owner.waiting() == 1
    owner.stop()


@pytest.mark.live
def test_the_statements_can_be_had_without_a_login_but_not_carried_out(url: str) -> None:
    with open_store(url, KEY) as store:
        store.upgrade()
        shown = store.grant("nobody", only_show=True)
        assert "GRANT SELECT ON ALL TABLES IN SCHEMA public TO nobody" in shown
        with pytest.raises(StoreError, match='no login "nobody"') as caught:
            store.grant("nobody", only_show=False)
        assert "CREATE ROLE nobody LOGIN" in caught.value.remedy


def test_a_file_knows_no_logins(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/syncd.db", KEY) as store:
        store.upgrade()
        with pytest.raises(UsageError, match="knows no logins"):
            store.grant("web", only_show=True)
