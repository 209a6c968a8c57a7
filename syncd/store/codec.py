"""Keys, attributes and origins as text that both databases keep exactly, and back.

Canonical JSON in ASCII: equal values give equal text, so text can be compared, hashed and signed, and
PostgreSQL, which refuses NUL in text, never sees one. Keys are kept structured; a joined string would
make `/a/b` under `c` and `/a` under `b/c` the same.
"""

from __future__ import annotations

import json
from dataclasses import fields
from hashlib import sha256
from typing import Any

from syncd.errors import Place
from syncd.model import Attrs, Key, Kind, Origin

_ENCODER = json.JSONEncoder(ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False)
_PLAIN_ORIGIN = Origin()
_ORIGIN_FIELDS = tuple(field.name for field in fields(Origin))


def canonical(value: Any) -> str:
    """The one text of a value made of dicts with text keys, lists, tuples, text, numbers, bools and None."""
    return _ENCODER.encode(value)


def key_columns(key: Key) -> dict[str, str]:
    """Kind, place and item of a key as columns."""
    return {"kind": key.kind.value, "place": canonical(key.place), "item": canonical(key.item)}


def key_text(key: Key) -> str:
    """A whole key in one column."""
    return canonical([key.kind.value, key.place, key.item])


def key_digest(key: Key) -> str:
    """SHA-256 of the key's text, in hexadecimal."""
    return sha256(key_text(key).encode()).hexdigest()


def row_digest(mapping: str, target: str, key: Key) -> str:
    """SHA-256 of a key in a target of a mapping: what a ledger row is found by."""
    return sha256(canonical([mapping, target, key_text(key)]).encode()).hexdigest()


def key_from(text: str) -> Key:
    """The key of `key_text`."""
    kind, place, item = json.loads(text)
    return Key(Kind(kind), tuple(place), tuple(item))


def attrs_text(attrs: Attrs) -> str:
    """Attributes with their values in the order given; the order of names does not count."""
    return canonical(dict(attrs))


def attrs_from(data: dict[str, list[str]]) -> Attrs:
    """The attributes of parsed `attrs_text`."""
    return {name: tuple(values) for name, values in data.items()}


def origin_text(origin: Origin) -> str:
    """An origin, without the fields that say nothing."""
    said: dict[str, Any] = {
        name: value
        for name in _ORIGIN_FIELDS
        if (value := getattr(origin, name)) != getattr(_PLAIN_ORIGIN, name)
    }
    if origin.place is not None:
        said["place"] = [origin.place.file, origin.place.line, origin.place.column]
    return canonical(said)


def origin_from(data: dict[str, Any]) -> Origin:
    """The origin of parsed `origin_text`."""
    for name, value in data.items():
        if isinstance(value, list):
            data[name] = Place(*value) if name == "place" else tuple(value)
    return Origin(**data)
