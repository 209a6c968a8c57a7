"""Pages as GitHub-flavoured Markdown, for comments on pull requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.render.page import Tone, visible

if TYPE_CHECKING:
    from syncd.render.page import Block, Page

_SIGNS = {Tone.DANGER: "🛑 ", Tone.WARN: "⚠️ ", Tone.GOOD: "✅ "}
_SPECIAL = str.maketrans({char: f"\\{char}" for char in "\\`*_[]<>|~#"})


def escaped(text: str) -> str:
    """`text` as Markdown shows it literally, `@` kept from naming anyone."""
    return visible(text).translate(_SPECIAL).replace("@", "@\u200b")


def markdown_page(page: Page) -> str:
    """The page as Markdown, ending in one line feed."""
    return "\n\n".join(part for block in page for part in _parts(block.filled())) + "\n"


def _parts(block: Block) -> list[str]:
    parts = []
    if block.title:
        parts.append(f"### {_SIGNS.get(block.tone, '')}{escaped(block.title)}")
    if block.rows:
        parts.append(_table(block))
    parts.extend(escaped(line) for line in block.lines)
    if block.literal:
        fence = "```"
        while any(fence in line for line in block.literal):
            fence += "`"
        parts.append("\n".join((fence, *map(visible, block.literal), fence)))
    return parts


def _table(block: Block) -> str:
    width = max(len(row) for row in block.rows)
    headings = block.columns or ("",) * width
    rows = [headings, ("---",) * width, *(tuple(map(escaped, row)) for row in block.rows)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
