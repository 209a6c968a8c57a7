"""Pages as aligned text on a terminal or in a file, by rich.

Object names never meet rich's markup: `[/acme]` is a closing tag to it. Everything is a `Text`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from syncd.render.page import Tone, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from syncd.render.page import Block, Page

_TITLES = {
    Tone.PLAIN: "bold",
    Tone.GOOD: "bold green",
    Tone.WARN: "bold yellow",
    Tone.DANGER: "bold red",
    Tone.DIM: "dim",
}
_SYMBOLS = {
    "+": "green",
    "-": "red",
    "~": "yellow",
    ">": "yellow",
    "=": "cyan",
    "!": "bold red",
    "✓": "green",
    "✗": "red",
}
GAP = 2  # cells between two columns
WRAPPED = 24  # cells that the last column needs to be folded alone, so that names and places stay whole
_UNFOLDED = 100_000  # a file has no width: nothing is folded or cut there


def colour_wanted(choice: str, stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether to colour `stream`: `--color`, then NO_COLOR, FORCE_COLOR, then a terminal that is not dumb."""
    if choice != "auto":
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and environ.get("TERM") != "dumb"


def console(stream: TextIO, *, colour: bool) -> Console:
    """A console that interprets nothing of what it prints."""
    return Console(
        file=stream,
        force_terminal=colour,
        color_system="auto" if stream.isatty() else "standard" if colour else None,
        no_color=not colour,
        width=None if stream.isatty() else _UNFOLDED,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
    )


def print_page(page: Page, out: Console) -> None:
    """Print each block, one blank line between two."""
    if out.no_color and out.width == _UNFOLDED:  # a plain file: rich would take a minute for 50,000 rows
        out.file.write("\n".join("".join(f"{line}\n" for line in _lines(block.filled())) for block in page))
        return
    _print_blocks(page, out)


def _lines(block: Block) -> Iterator[str]:
    indent = " " * GAP if block.title else ""
    if block.title:
        yield visible(block.title)
    rows = [tuple(map(visible, row)) for row in _with_headings(block)]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell + " " * (width - cell_len(cell) + GAP) for cell, width in zip(row, widths, strict=True))
        yield (indent + "".join(cells)).rstrip()
    for line in (*block.lines, *block.literal):
        yield (indent + visible(line)).rstrip()


def _with_headings(block: Block) -> list[tuple[str, ...]]:
    return [block.columns, *block.rows] if block.columns and block.rows else list(block.rows)


def _print_blocks(page: Page, out: Console) -> None:
    for index, block in enumerate(page):
        if index:
            out.print()
        _print_block(block.filled(), out)


def _print_block(block: Block, out: Console) -> None:
    if block.title:
        out.print(Text(visible(block.title), style=_TITLES[block.tone]))
    if block.rows:
        out.print(_table(block, out.width))
    indent = "  " if block.title else ""
    for line in block.lines:
        out.print(Text(indent + visible(line)), soft_wrap=True)
    for line in block.literal:
        out.print(
            Text(indent + visible(line), style="" if block.tone is Tone.PLAIN else "dim"), soft_wrap=True
        )


def _table(block: Block, width: int) -> Table:
    table = Table(
        box=None, show_header=bool(block.columns), header_style="dim", pad_edge=False, padding=(0, GAP, 0, 0)
    )
    columns = zip(*_with_headings(block), strict=True)
    widths = [max(cell_len(visible(cell)) for cell in column) for column in columns]
    whole = sum(widths[:-1]) + GAP * len(widths) + WRAPPED <= width
    for index, heading in enumerate(block.columns or ("",) * len(widths)):
        least = widths[index] if whole and index < len(widths) - 1 else None
        table.add_column(Text(heading), overflow="fold", min_width=least)
    for row in block.rows:
        table.add_row(*(_cell(value, first=index == 0) for index, value in enumerate(row)))
    return _indented(table) if block.title else table


def _indented(table: Table) -> Table:
    outer = Table.grid(padding=0)
    outer.add_column(width=2)
    outer.add_column()
    outer.add_row("", table)
    return outer


def _cell(value: str, *, first: bool) -> Text:
    style = _SYMBOLS.get(value[:1], "") if first else ""
    return Text(visible(value), style=style)
