"""The documentation as its tests see it: pages, fenced blocks, headings, links, commands."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[3]
SYSTEMS = ("dastra", "docspace", "universign", "todoist", "datasud")
PAIRS = {
    "index": "index",
    "mapping": "correspondance",
    "install": "installation",
    "operate": "exploitation",
    "api": "api",
    "many-machines": "plusieurs-machines",
    "troubleshoot": "depannage",
    "performance": "performance",
    "safety": "securite",
    "reference": "reference",
    **{f"systems/{name}": f"systems/{name}" for name in SYSTEMS},
}
PAGES = (
    *(REPOSITORY / "docs" / "en" / f"{name}.md" for name in PAIRS),
    *(REPOSITORY / "docs" / "fr" / f"{name}.md" for name in PAIRS.values()),
    REPOSITORY / "README.md",
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, its text and the line on which the text begins."""

    page: Path
    language: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"{self.page.relative_to(REPOSITORY)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """Every fenced block of a page."""
    language, begun, lines = "", 0, list[str]()
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        if not line.startswith("```"):
            lines.append(line)
        elif not begun:
            language, begun, lines = line[3:].strip(), number + 1, []
        else:
            yield Block(page, language, "\n".join(lines) + "\n", begun)
            begun = 0
    assert not begun, f"{page}: the block that begins on line {begun} has no end"


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def headings(page: Path) -> list[tuple[int, str]]:
    """(level, text) of every heading."""
    return [(len(found[1]), found[2]) for found in re.finditer(r"^(#{1,6}) (.+)$", prose(page), re.MULTILINE)]


def anchors(page: Path) -> set[str]:
    """The fragments by which GitHub and its like lead to the headings of a page."""
    return {_anchor(text) for _level, text in headings(page)}


def _anchor(heading: str) -> str:
    kept = (
        sign
        for sign in heading.lower()
        if sign in " -_" or unicodedata.category(sign)[0] in "LN"  # letters and numbers
    )
    return "".join(kept).replace(" ", "-")


def links(page: Path) -> list[str]:
    """The addresses of all links of a page."""
    return re.findall(r"\]\(([^)\s]+)\)", prose(page))


def commands(page: Path) -> Iterator[str]:
    """Every command line of syncd that the page writes, in blocks and within sentences."""
    shown = [block.text for block in blocks(page) if block.language in ("sh", "console", "")]
    lines = [line.removeprefix("$ ") for text in shown for line in text.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"`([^`\n]+)`", prose(page))
    for line in lines:
        command = line.split(" #")[0].split("|")[0].split(">")[0].strip()
        command = re.sub(r"^(sudo -u \S+ |kubectl exec \S+ -- |/\S*/)", "", command)
        if command.split(" ")[0] == "syncd":
            yield command
