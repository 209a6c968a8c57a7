"""How mappings are and what of it was told: kept so that one change is told once, whoever found it.

What is told is written in the same transaction as the notices of it. Nobody's name is in here: what a
reason quotes of files or servers stands in its notice only, where erasing a person finds it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from syncd.reasons import Kept, Reason, State
from syncd.store import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Row, Select

    from syncd.acts import Notice
    from syncd.store.acts import Acts
    from syncd.store.database import Database

_reasons = tables.reasons


class Reasons:
    """One row for each mapping."""

    def __init__(self, database: Database, acts: Acts) -> None:
        self._database = database
        self._acts = acts

    def all(self) -> dict[str, Kept]:
        """What is known of each mapping, by its name."""
        with self._database.reading() as connection:
            rows = connection.execute(select(_reasons)).all()
        return {row.mapping: kept for row in rows if (kept := _kept(row)) is not None}

    def settle(
        self, mapping: str, decide: Callable[[Kept | None, datetime], tuple[Kept, Sequence[Notice]]]
    ) -> Kept:
        """Replace what is known by what `decide` makes of it, and write its notices, both or neither.

        Of several at once each sees what the other decided; `decide` may be called twice. Where nothing
        changes nothing is written.
        """
        with self._database.reading() as connection:
            row = connection.execute(_of(mapping)).one_or_none()
            before = _kept(row)
            after, notices = decide(before, self._database.now(connection))
        if after == before and not notices:
            return after
        with self._database.writing() as connection:
            self._database.insert_missing(connection, _reasons, [{"mapping": mapping, "document": {}}])
            row = connection.execute(_of(mapping).with_for_update()).one()
            after, notices = decide(_kept(row), self._database.now(connection))
            document = {"document": _document(after)}
            connection.execute(_reasons.update().where(_reasons.c.mapping == mapping).values(document))
            self._acts.enter(connection, notices)
        return after


def _of(mapping: str) -> Select[Any]:
    return select(_reasons).where(_reasons.c.mapping == mapping)


def _document(kept: Kept) -> dict[str, Any]:
    return {
        "present": _told(kept.present),
        "since": kept.since.isoformat(),
        "told": _told(kept.told),
        "told_at": kept.told_at.isoformat() if kept.told_at else None,
        "parts": {part: _told(one) for part, one in kept.parts.items()},
    }


def _told(reason: Reason) -> dict[str, Any]:
    return {"state": reason.state.value, "names": list(reason.names), "facts": dict(reason.facts)}


def _kept(row: Row[Any] | None) -> Kept | None:
    if row is None or not row.document:
        return None
    told_at = row.document["told_at"]
    return Kept(
        _reason(row.document["present"]),
        datetime.fromisoformat(row.document["since"]),
        _reason(row.document["told"]),
        datetime.fromisoformat(told_at) if told_at else None,
        {part: _reason(one) for part, one in row.document.get("parts", {}).items()},
    )


def _reason(document: dict[str, Any]) -> Reason:
    return Reason(State(document["state"]), tuple(document["names"]), document["facts"])
