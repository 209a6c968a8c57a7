"""A page: what is to be shown, before anyone decided how. Text and Markdown are made from the same value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Tone(StrEnum):
    """How a block sounds; colour repeats what its title and symbols already say."""

    PLAIN = "plain"
    GOOD = "good"
    WARN = "warn"
    DANGER = "danger"
    DIM = "dim"


@dataclass(frozen=True, slots=True)
class Block:
    """A title, a table, and sentences below it; each part may be absent.

    `columns` are headings (none: an unheaded table). Columns that are empty in every row are dropped.
    `literal` are lines to be shown exactly as they stand (excerpts, commands).
    """

    title: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    lines: tuple[str, ...] = ()
    literal: tuple[str, ...] = ()
    tone: Tone = Tone.PLAIN

    def filled(self) -> Block:
        """The block without the columns that no row fills."""
        width = max((len(row) for row in self.rows), default=0)
        keep = [index for index in range(width) if any(row[index : index + 1] != ("",) for row in self.rows)]
        return Block(
            self.title,
            tuple(self.columns[index] for index in keep) if self.columns else (),
            tuple(tuple(row[index] for index in keep) for row in self.rows),
            self.lines,
            self.literal,
            self.tone,
        )


Page: TypeAlias = tuple[Block, ...]

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def visible(text: str) -> str:
    """`text` with control and direction characters spelled out.

    Names come from directories that others write; a name must not move the cursor or reverse a line.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char in "\u00a0\u202f" or (char.isprintable() and char not in _BIDI) else _spelled(char)
        for char in text
    )


def _spelled(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
