"""The tables, as this version of the program wants them; `revisions` brings an older store here.

Free text and documents are canonical JSON (`Json`, or a column named in `codec`), times are UTC.
`mac` columns are explained in `integrity`. Names and addresses of people are in `person_names` and
`acts` only, where `erasure` finds them.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)

from syncd.store.codec import canonical


class Instant(TypeDecorator[datetime]):
    """A moment with its zone; SQLite, which has no zones, keeps UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a time without a zone: it would mean another moment on another machine."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the time back in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """Any JSON value as canonical text, so that it can be signed and compared."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002  SQLAlchemy's signature
        """Encode; None stays SQL's NULL."""
        return None if value is None else canonical(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002  SQLAlchemy's signature
        """Decode."""
        return None if value is None else json.loads(value)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

NAME = String(255)
DIGEST = String(64)

meta = Table("meta", metadata, Column("name", NAME, primary_key=True), Column("value", Text, nullable=False))

persons = Table(
    "persons", metadata, Column("id", NAME, primary_key=True), Column("mac", DIGEST, nullable=False)
)
person_names = Table(
    "person_names",
    metadata,
    Column("person", NAME, ForeignKey("persons.id"), primary_key=True),
    Column("kind", String(16), primary_key=True),  # username | address | invited | written
    Column("digest", DIGEST, primary_key=True, index=True),  # of scope and, for names, value
    Column("scope", Text, nullable=False),  # mapping and target of `written` attributes
    Column("value", Text, nullable=False),
)
person_pins = Table(
    "person_pins",
    metadata,
    Column("person", NAME, ForeignKey("persons.id"), primary_key=True),
    Column("target", NAME, primary_key=True),
    Column("native", Text, nullable=False),
    UniqueConstraint("target", "native"),
)

ledger = Table(
    "ledger",
    metadata,
    Column("digest", DIGEST, primary_key=True),  # of mapping, target and key
    Column("mapping", NAME, nullable=False),
    Column("target", NAME, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("place", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("native", Text, nullable=False),
    Column("attrs", Text, nullable=False),  # of a person: the seal of what `person_names` holds
    Column("origin", Text, nullable=False),
    Column("adopted", Boolean, nullable=False),
    Column("claimed", Boolean, nullable=False),
    Column("run", NAME, nullable=False),
    Column("mac", DIGEST, nullable=False),
    Index(None, "mapping", "target"),
)

leases = Table(
    "leases",
    metadata,
    Column("mapping", NAME, primary_key=True),
    Column("holder", Json),  # NULL: released
    Column("process", Json),  # see `processes`
    Column("since", Instant),
    Column("expires", Instant),
    Column("token", BigInteger, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", NAME, primary_key=True),
    Column("mapping", NAME, nullable=False),
    Column("trigger", NAME, nullable=False),
    Column("actor", Json, nullable=False),
    Column("token", BigInteger),  # of the lease it started under
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("exit_code", Integer),
    Column("message", Json),
    Column("counts", Json),
    Column("part", Text, nullable=False, server_default=""),  # see `parts`
    Column("narrowed", Boolean, nullable=False, server_default=false()),  # did less than all of its part
    Column(
        "files", Text, nullable=False, server_default=""
    ),  # the digest of those it went by; empty: unknown
    Index(None, "mapping", "id"),
)

plans = Table(
    "plans",
    metadata,
    Column("id", NAME, primary_key=True),
    Column("mapping", NAME, nullable=False),
    Column("digest", NAME, nullable=False),
    Column("run", NAME, nullable=False),
    Column("document", Json),  # NULL: erased with a person it named
    Column("stops", Json),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("refused_by", Json),
    Column("refused_at", Instant),
    Column("part", Text, nullable=False, server_default=""),
    UniqueConstraint("mapping", "digest"),
)
approvals = Table(
    "approvals",
    metadata,
    Column("mapping", NAME, primary_key=True),
    Column("digest", NAME, primary_key=True),
    Column("plan", NAME, nullable=False),
    Column("who", Json, nullable=False),
    Column("reason", Json, nullable=False),
    Column("approved_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Column("mac", DIGEST, nullable=False),
    ForeignKeyConstraint(["mapping", "digest"], ["plans.mapping", "plans.digest"]),
)
adoptions = Table(
    "adoptions",
    metadata,
    Column("mapping", NAME, primary_key=True),
    Column("target", NAME, primary_key=True),
    Column("key_digest", DIGEST, primary_key=True),
    Column("key", Text, nullable=False),
    Column("who", Json, nullable=False),
    Column("approved_at", Instant, nullable=False),
    Column("mac", DIGEST, nullable=False),
)
policies = Table(
    "policies",
    metadata,
    Column("mapping", NAME, primary_key=True),
    Column("document", Json, nullable=False),
    Column("approved_by", Json, nullable=False),
    Column("approved_at", Instant, nullable=False),
    Column("mac", DIGEST, nullable=False),
)
first_applies = Table(
    "first_applies",
    metadata,
    Column("mapping", NAME, primary_key=True),
    Column("run", NAME, nullable=False),
    Column("applied_at", Instant, nullable=False),
    Column("mac", DIGEST, nullable=False),
)
sources = Table(
    "sources",
    metadata,
    Column("mapping", NAME, primary_key=True),
    Column("name", NAME, primary_key=True),
    Column("rows_json", Text, nullable=False),
    Column("digest", NAME, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("read_at", Instant, nullable=False),
    Column("mac", DIGEST, nullable=False),
)

acts = Table(
    "acts",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("id", NAME, primary_key=True),
    Column("mapping", NAME, nullable=False),
    Column("state", NAME, nullable=False),
    Column("person", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("token", NAME),  # SHA-256 of what a link or a mail carries
    Column("version", Integer, nullable=False),
    Column("document", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("mac", DIGEST, nullable=False),
    UniqueConstraint("token"),
    Index(None, "kind", "mapping", "state"),
    Index(None, "person"),
)
sends = Table(
    "sends",
    metadata,
    Column("id", NAME, primary_key=True),
    Column("mapping", NAME, nullable=False),
    Column("invitation", NAME, nullable=False),
    Column("person", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("kind", NAME, nullable=False),
    Column("at", Instant, nullable=False),
    Index(None, "mapping", "at"),
)

audit = Table(
    "audit",
    metadata,
    Column("mapping", NAME, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("run", NAME, nullable=False),
    Column("event", NAME, nullable=False),
    Column("target", NAME, nullable=False),
    Column("key", Text, nullable=False),
    Column("result", NAME, nullable=False),
    Column("person", Text, nullable=False),
    Column("counted", Text),  # (person, role, unit) of an access that was taken away
    Column("actor", Json, nullable=False),
    Column("detail", Text),  # NULL: erased with the person it was about
    Column("detail_mac", DIGEST, nullable=False),
    Column("prev", DIGEST, nullable=False),
    Column("mac", DIGEST, nullable=False),
    Index(None, "run"),
    Index(None, "mapping", "at"),
)
audit_heads = Table(
    "audit_heads",
    metadata,
    Column("mapping", NAME, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("last", DIGEST, nullable=False),
    Column("mac", DIGEST, nullable=False),
)
readings = Table(
    "readings",
    metadata,
    Column("mapping", NAME, primary_key=True),
    Column("target", NAME, primary_key=True),
    Column("mark", Json, nullable=False),
    Column("digest", DIGEST, nullable=False),  # of `facts`
    Column("facts", LargeBinary, nullable=False),
    Column("mac", DIGEST, nullable=False),
)
former_names = Table(
    "former_names",
    metadata,
    Column("mapping", NAME, primary_key=True),
    Column("former", NAME, primary_key=True),
)
reasons = Table(
    "reasons",
    metadata,
    Column("mapping", NAME, primary_key=True),
    Column("document", Json, nullable=False),
)
answers = Table(
    "answers",
    metadata,
    Column("job", BigInteger, primary_key=True, autoincrement=False),  # of the request, see `errand`
    Column("taken_at", Instant, nullable=False),
    Column("status", Integer),  # NULL: taken and not answered yet
    Column("headers", Json),
    Column("body", LargeBinary),
)
numbers = Table(
    "numbers",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("mapping", NAME, nullable=False),
    Column(
        "holder", Text
    ),  # target and anchor for which it is kept; NULL: it was used, whatever became of it
)
