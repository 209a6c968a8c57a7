"""Records of acts as rows and back: the columns to find them by, and the rest as one document.

Both ways follow the fields that `syncd.acts` declares, so that a new field needs no change here. A
document without a field means the field's default: it was written before there was such a field.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

from syncd.acts import RECORDS, Grant, Link, Record, Transfer
from syncd.errors import StoreError
from syncd.store.codec import canonical

if TYPE_CHECKING:
    from sqlalchemy import Row

_COLUMNS = frozenset({"id", "mapping", "version"})
_KINDS: Mapping[type[Record], str] = {record: kind for kind, record in RECORDS.items()}
_HINTS: Mapping[str, Mapping[str, Any]] = {kind: get_type_hints(record) for kind, record in RECORDS.items()}


def kind_of(record: type[Record]) -> str:
    """The name under which records of this class are kept."""
    return _KINDS[record]


def state_of(record: Record) -> str:
    """How a record stands: its state, or for kinds without one what it waits for, or whether it is valid."""
    if isinstance(record, Grant):
        return "waiting" if record.waits else "given"
    if isinstance(record, Link):
        return "revoked" if record.revoked else "open"
    return str(getattr(record, "state", ""))


def person_of(record: Record) -> str:
    """The id of the person whom a record is about, "" where it names none; a transfer is its owner's."""
    return str(record.owner if isinstance(record, Transfer) else getattr(record, "person", ""))


def unit_of(record: Record) -> str:
    """The unit id that a record is about, "" where it is about none."""
    return str(getattr(record, "unit", ""))


def columns(record: Record) -> dict[str, Any]:
    """A record as a row, but for its seal and its times. Raises ValueError for a time without a zone."""
    names = _HINTS[kind_of(type(record))].keys() - _COLUMNS
    return {
        "kind": kind_of(type(record)),
        "id": record.id,
        "mapping": record.mapping,
        "version": record.version,
        "state": state_of(record),
        "person": canonical(person_of(record)),
        "unit": canonical(unit_of(record)),
        "token": getattr(record, "token", "") or None,
        "document": {name: _encoded(getattr(record, name)) for name in names},
    }


def record_from(row: Row[Any]) -> Record:
    """The record of a row. Raises StoreError for one that a newer program wrote."""
    try:
        kind, hints = RECORDS[row.kind], _HINTS[row.kind]
        told = {name: _decoded(value, hints[name]) for name, value in row.document.items()}
    except (KeyError, ValueError) as problem:
        raise StoreError(
            f"{row.kind} {row.id} says something this program does not know: {problem}",
            "a newer syncd wrote it: install that one, or one newer still",
        ) from problem
    return kind(id=row.id, mapping=row.mapping, version=row.version, **told)


def _encoded(value: Any) -> Any:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, StrEnum):
        return value.value
    return dict(value) if isinstance(value, Mapping) else value


def _decoded(value: Any, hint: Any) -> Any:
    if value is None:
        return None
    if isinstance(hint, types.UnionType) or get_origin(hint) is Union:
        (hint,) = (one for one in get_args(hint) if one is not types.NoneType)
    if isinstance(hint, type) and issubclass(hint, date):  # a datetime is a date
        return hint.fromisoformat(value)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint(value)
    if get_origin(hint) is Mapping:
        return {name: _decoded(one, get_args(hint)[1]) for name, one in value.items()}
    return tuple(value) if get_origin(hint) is tuple else value
