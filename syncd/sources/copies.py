"""A roster as text for the store, and back: the last good copy that stands in when a read fails."""

from __future__ import annotations

import json
from typing import Any

from syncd.errors import Place
from syncd.roster import Roster, Row

VERSION = 1


def to_json(roster: Roster) -> str:
    """The roster without its problems; equal rosters give equal text."""
    rows = [
        [row.number, row.place.line, row.place.file, {k: list(v) for k, v in row.values.items()}]
        for row in roster.rows
    ]
    document = {
        "version": VERSION,
        "name": roster.name,
        "columns": list(roster.columns),
        "digest": roster.digest,
        "file": roster.place.file,
        "folded": roster.folded,
        "rows": rows,
    }
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def from_json(text: str) -> Roster:
    """The roster that `to_json` wrote; raises `ValueError` for any other text."""
    document: dict[str, Any] = json.loads(text)
    if document.get("version") != VERSION:
        message = f"a roster copy of version {document.get('version')!r}, this program writes {VERSION}"
        raise ValueError(message)
    rows = tuple(
        Row(number, {column: tuple(values) for column, values in cells.items()}, Place(file, line))
        for number, line, file, cells in document["rows"]
    )
    place = Place(document["file"])
    return Roster(
        document["name"],
        tuple(document["columns"]),
        rows,
        document["digest"],
        place,
        folded=document["folded"],
    )
