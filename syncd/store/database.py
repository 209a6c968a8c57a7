"""Opens the database and bounds its transactions; the only module that knows one SQL dialect from the other.

A SQLite writer takes the write lock at BEGIN: a transaction that read first and wrote later could
not be retried once another process had committed in between. PostgreSQL readers get one snapshot,
writers lock the rows they decide on.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, func, make_url, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from syncd.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

T = TypeVar("T")

BUSY_SECONDS = 30
# Without a statement, after which PostgreSQL ends a transaction: it would keep its rows locked for as long as
# its process stands still, and for hours where its machine is gone.
IDLE_SECONDS = 60
_BOUND = text("SELECT set_config('idle_in_transaction_session_timeout', :seconds, true)")
# So that a server that is gone without a word is noticed, too (tcp(7)).
NOTICE = {"keepalives_idle": 2, "keepalives_interval": 2, "keepalives_count": 2, "tcp_user_timeout": 5000}
_LOT = 500
UPGRADE = "run `syncd db upgrade`"
_NO_TABLES = re.compile(r"no such (table|column)|relation .* does not exist|column .* does not exist")


def parse(url: str) -> URL:
    """The database's URL in SQLAlchemy's spelling.

    `sqlite:///var/lib/syncd.db` is absolute, as in any URL; `sqlite:syncd.db` and `sqlite:///./syncd.db`
    are relative to the working directory. Raises StoreError for anything but SQLite and PostgreSQL.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite":
        return URL.create("sqlite", database=_sqlite_path(url, rest))
    if scheme in {"postgresql", "postgres", "postgresql+psycopg"} and rest.startswith("//"):
        try:
            return make_url(url).set(drivername="postgresql+psycopg")
        except (ArgumentError, ValueError) as problem:
            raise StoreError("the store's address cannot be read", _ADDRESSES) from problem
    begins = f"begins with {scheme!r}" if rest.startswith("//") and scheme.isalpha() else "has no beginning"
    raise StoreError(f"the store's address {begins}, which is no database syncd knows", _ADDRESSES)


_ADDRESSES = "set `store:` in syncd.yaml to sqlite:FILE, sqlite:///PATH or postgresql://USER@HOST/NAME"


def _sqlite_path(url: str, rest: str) -> str:
    path = re.sub(r"^//+", "/", rest.removeprefix("//")) if rest.startswith("//") else rest
    path = path.removeprefix("/") if path.startswith(("/./", "/../")) else path
    if path.removeprefix("/") in {"", ":memory:"}:
        raise StoreError(f"{url}: a store must be a file, or every run would forget what is ours", _ADDRESSES)
    return path


def batched(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Values in lots that one statement can name: databases limit how many it may."""
    for start in range(0, len(values), _LOT):
        yield values[start : start + _LOT]


class Database:
    """An engine with transactions for reading and for writing; failures are StoreErrors.

    `clock` stands in for the time in tests. Without it leases and approvals go by the clock of the
    database server where there is one, so that machines need not agree on the time.
    """

    def __init__(self, url: str, clock: Callable[[], datetime] | None = None) -> None:
        self.url = parse(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._clock = clock
        self.engine = _sqlite_engine(self.url) if self.is_sqlite else _postgres_engine(self.url)
        self._reader = self.engine.execution_options(**_READING[self.is_sqlite])
        self._writer = self.engine.execution_options(**_WRITING[self.is_sqlite])

    @property
    def name(self) -> str:
        """How messages call this store: the path, or the URL without its password and options."""
        if self.is_sqlite:
            return str(self.url.database)
        return self.url.set(query={}).render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent snapshot."""
        self._must_exist()
        with self._failures(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: committed whole at the end of the block, or not at all."""
        self._must_exist()
        with self._failures(), self._writer.begin() as connection:
            if not self.is_sqlite:
                connection.execute(_BOUND, {"seconds": f"{IDLE_SECONDS}s"})
            yield connection

    @contextmanager
    def statements(self) -> Iterator[Connection]:
        """A connection to PostgreSQL on which each statement is a transaction of its own."""
        with self._failures(), self.engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    def now(self, connection: Connection) -> datetime:
        """The time in UTC: the injected clock's, else the PostgreSQL server's, else this machine's."""
        if self._clock is not None:
            return self._clock().astimezone(UTC)
        if self.is_sqlite:
            return datetime.now(UTC)
        answer: datetime = connection.scalar(select(func.clock_timestamp())) or datetime.now(UTC)
        return answer.astimezone(UTC)

    def create_file(self) -> None:
        """Make an empty SQLite file that only its owner can read: it will hold names and addresses."""
        if not self.is_sqlite or self._path.exists():
            return
        try:
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:  # another `db upgrade` was faster
            return
        except OSError as problem:
            raise StoreError(
                f"the store {self._path} cannot be made: {problem.strerror}",
                f"make the folder {self._path.parent} and let the account that runs syncd write to it",
            ) from problem

    def write_alone(self, connection: Connection, table: Table) -> None:
        """Let nobody else write to a table until the transaction ends; on SQLite nobody can anyway."""
        if not self.is_sqlite:
            connection.execute(text(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE"))

    def upsert(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows, each replacing the one with the same primary key."""
        if not rows:
            return
        insert = sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)
        keys = [column.name for column in table.primary_key]
        changed = {name: insert.excluded[name] for name in rows[0] if name not in keys}
        connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=changed), list(rows))

    def insert_missing(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert the rows whose primary key is not there yet."""
        if rows:
            insert = sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)
            connection.execute(insert.on_conflict_do_nothing(), list(rows))

    def insert_new(self, connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
        """Insert a row unless one of its unique keys is taken; whether it was inserted."""
        insert = sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)
        keys = insert.values(row).on_conflict_do_nothing().returning(*table.primary_key)
        return connection.execute(keys).first() is not None

    def close(self) -> None:
        """End all connections."""
        self.engine.dispose()

    @property
    def _path(self) -> Path:
        return Path(str(self.url.database))

    def _must_exist(self) -> None:
        if self.is_sqlite and not self._path.exists():
            raise StoreError(f"there is no store at {self._path}", f"{UPGRADE}; it makes an empty one")

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """SQLAlchemy's errors as ours, without statement and values: those hold names."""
        try:
            yield
        except DBAPIError as problem:
            first_line = (str(problem.orig).strip().splitlines() or ["no reason given"])[0]
            raise self._explained(first_line) from problem
        except SQLAlchemyError as problem:
            raise StoreError(f"the store {self.name} failed: {type(problem).__name__}") from problem

    def _explained(self, reason: str) -> StoreError:
        if _NO_TABLES.search(reason):
            return StoreError(
                f"the store {self.name} has not the tables this program needs: {reason}", UPGRADE
            )
        if "locked" in reason:
            return StoreError(
                f"the store {self.name} was locked by another program for over {BUSY_SECONDS} s",
                "find who has it open (`fuser FILE`), then start again; nothing was half written",
            )
        return StoreError(f"the store {self.name} failed: {reason}", "see `syncd doctor`")


_READING: Mapping[bool, dict[str, str]] = {
    True: {"syncd_begin": "BEGIN"},
    False: {"isolation_level": "REPEATABLE READ"},
}
_WRITING: Mapping[bool, dict[str, str]] = {
    True: {"syncd_begin": "BEGIN IMMEDIATE"},
    False: {"isolation_level": "READ COMMITTED"},
}


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """WAL lets commands read while the daemon writes; secure_delete makes erased names gone from the file."""
    connection.isolation_level = None  # the driver shall not open transactions of its own
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_SECONDS * 1000}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "secure_delete = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("syncd_begin", "BEGIN"))


def _postgres_engine(url: URL) -> Engine:
    """`pool_pre_ping`: a daemon's connections outlive restarts of the server.

    No prepared statements (`prepare_threshold`): a plan made while the ledger was empty would go on
    reading all of it, and poolers in front of the server lose them.
    """
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": 10,
            "application_name": "syncd",
            "prepare_threshold": None,
            **NOTICE,
        },
    )
    # the rows of a wave in one INSERT: the driver's executemany takes eight times as long
    engine.dialect.use_insertmanyvalues_wo_returning = True
    return engine
