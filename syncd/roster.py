"""What a source of people says: rows, each with the place it was read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.errors import Place, Problem


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a roster or one member of a directory group: column → values, and where it stands.

    CSV and JSON rows hold one value a column; a directory entry may hold several.
    """

    number: int
    values: Mapping[str, tuple[str, ...]]
    place: Place

    def text(self, column: str) -> str:
        """The first value of the column, or an empty text."""
        return next(iter(self.values.get(column, ())), "")


@dataclass(frozen=True, slots=True)
class Roster:
    """One read of a source of people, or the last good copy of one.

    `digest` is that of what was read; `problems` say why it could not be read completely; `folded`
    columns are in lower case and looked up so (directory attributes). `frozen` is the reason why nobody
    may lose anything because of it; `remembered` are rows of the last good copy that a read which shrank
    too much no longer has: they select nobody, and still say what their people are called.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    digest: str
    place: Place
    problems: tuple[Problem, ...] = ()
    folded: bool = False
    frozen: str = ""
    remembered: tuple[Row, ...] = ()
