"""Problems with their line and a caret, and the same as annotations that GitHub shows on a pull request."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rich.cells import cell_len

from syncd.locale import ngettext, number
from syncd.locale.told import told
from syncd.render.page import Block, Page, Tone, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from syncd.errors import Problem


def problems_page(problems: Sequence[Problem], sources: Mapping[str, Sequence[str]]) -> Page:
    """Every problem, sorted by place, each with its source line and a caret, then how many there are."""
    ordered = sorted(problems)
    blocks = tuple(
        Block(lines=(problem_text(problem),), literal=_excerpt(problem, sources)) for problem in ordered
    )
    return (*blocks, Block(lines=(counted(ordered),), tone=Tone.WARN)) if blocks else ()


def problem_text(problem: Problem) -> str:
    """Place, path, what and what to do in one line, as `str(problem)` says it in English."""
    return str(replace(problem, message=told(problem.message), hint=told(problem.hint)))


def counted(problems: Sequence[Problem]) -> str:
    """`2 errors, 1 warning`."""
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    parts = []
    if errors:
        parts.append(ngettext("{n} error", "{n} errors", errors).format(n=number(errors)))
    if warnings:
        parts.append(ngettext("{n} warning", "{n} warnings", warnings).format(n=number(warnings)))
    return ", ".join(parts)


def github_annotations(problems: Iterable[Problem]) -> list[str]:
    """One workflow command a problem: `::error file=…,line=…,col=…::message`."""
    return [_annotation(problem) for problem in sorted(problems)]


def github_command(level: str, message: str) -> str:
    """A workflow command without a place; `level` is error, warning or notice."""
    return f"::{level}::{_data(message)}"


def _annotation(problem: Problem) -> str:
    place = problem.place
    message, hint = told(problem.message), f"; {told(problem.hint)}" if problem.hint else ""
    text = f"{problem.path}: {message}" if problem.path else message
    level = "error" if problem.severity == "error" else "warning"
    return (
        f"::{level} file={_property(place.file)},line={place.line},col={place.column}::{_data(text + hint)}"
    )


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _excerpt(problem: Problem, sources: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    lines = sources.get(problem.place.file, ())
    if not 1 <= problem.place.line <= len(lines):
        return ()
    line = visible(lines[problem.place.line - 1].rstrip("\r\n").replace("\t", " "))
    gutter = f"{problem.place.line:>5} | "
    before = cell_len(line[: problem.place.column - 1])
    return (gutter + line, " " * (len(gutter) - 2) + "| " + " " * before + "^")
