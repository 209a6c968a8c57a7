"""Seals rows that grant something, under a key that is not in the database.

Whoever can write to the database but has not the key cannot give themselves a membership, an
approval or an adoption: a row whose HMAC-SHA256 (RFC 2104) does not hold is not used, and is listed.
A row copied back from an old backup still holds; the audit chain shows that it was changed since.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, Table, select

from syncd.errors import StoreError
from syncd.store import tables
from syncd.store.codec import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

KEY_BYTES = 32

SEALED: Mapping[str, tuple[str, ...]] = {
    "ledger": (
        *("mapping", "target", "kind", "place", "item", "native", "attrs", "origin", "adopted", "claimed"),
    ),
    "approvals": ("mapping", "digest", "plan", "who", "reason", "approved_at", "expires_at", "used_at"),
    "adoptions": ("mapping", "target", "key", "who", "approved_at"),
    "policies": ("mapping", "document", "approved_by", "approved_at"),
    "first_applies": ("mapping", "run", "applied_at"),
    "sources": ("mapping", "name", "rows_json", "digest", "rows", "read_at"),
    "readings": ("mapping", "target", "mark", "digest"),
    "acts": (
        *("kind", "id", "mapping", "state", "person", "unit", "token", "version", "document"),
        *("created_at", "changed_at"),
    ),
}
_LABELS: Mapping[str, tuple[str, ...]] = {
    "ledger": ("target", "kind", "place", "item"),
    "approvals": ("plan",),
    "adoptions": ("target", "key"),
    "policies": (),
    "first_applies": (),
    "sources": ("name",),
    "readings": ("target",),
    "acts": ("kind", "id"),
}


@dataclass(frozen=True, slots=True, order=True)
class IntegrityProblem:
    """A row that was changed by something other than syncd: its table, mapping and what it is about."""

    table: str
    mapping: str
    row: str

    def __str__(self) -> str:
        where = f"{self.table} of mapping {self.mapping}" if self.mapping else self.table
        return f"{where}: {self.row}: the seal does not hold, so the row is not used"


class Seal:
    """HMAC-SHA256 under the integrity key. Raises StoreError for a key that protects nothing."""

    def __init__(self, key: bytes) -> None:
        if len(key) < KEY_BYTES:
            raise StoreError(
                f"the integrity key has {len(key)} bytes; it needs at least {KEY_BYTES}",
                "make one with `syncd bootstrap`, and set `integrity_key: {file: …}` in syncd.yaml",
            )
        self._key = key

    def mac(self, table: str, values: Sequence[Any]) -> str:
        """The seal of a row's values, in hexadecimal; the table's name keeps rows from changing tables."""
        fields = [f"s{len(value)}:{value}" if isinstance(value, str) else _field(value) for value in values]
        text = f"{table}:{''.join(fields)}"
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256").hex()

    def sealed(self, table: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """The row with its seal, ready to be inserted."""
        return {**row, "mac": self.mac(table, [row[name] for name in SEALED[table]])}

    def holds(self, table: str, row: Row[Any] | None) -> bool:
        """Whether a row that was read is as syncd wrote it; no row at all holds nothing."""
        if row is None:
            return False
        values = row._mapping  # noqa: SLF001  public in SQLAlchemy in spite of its name
        return self.matches(values["mac"], table, [values[name] for name in SEALED[table]])

    def matches(self, mac: str, table: str, values: Sequence[Any]) -> bool:
        """Whether `mac` is the seal of these values, compared in constant time."""
        return hmac.compare_digest(mac, self.mac(table, values))


def _field(value: Any) -> str:
    """A value that is not text, with its type and length, so that no two rows give the same text."""
    if value is None or isinstance(value, bool | int):
        return f"{value!r};"
    text = value.astimezone(UTC).isoformat() if isinstance(value, datetime) else canonical(value)
    return f"j{len(text)}:{text}"


def sealed_columns(table: Table) -> list[Any]:
    """The columns that a seal covers, in its order."""
    return [table.c[name] for name in SEALED[table.name]]


def broken_rows(connection: Connection, seal: Seal) -> Iterator[IntegrityProblem]:
    """Every row of the sealed tables whose seal does not hold (persons check their own)."""
    for name in SEALED:
        table = tables.metadata.tables[name]
        for row in connection.execute(select(table)):
            if not seal.holds(name, row):
                values = row._mapping  # noqa: SLF001  public in SQLAlchemy in spite of its name
                label = " ".join(str(values[part]) for part in _LABELS[name]) or "the row"
                yield IntegrityProblem(name, values["mapping"], label)
