"""Dotted paths: how messages write the way to a value, and how variants and the operator name one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


_BARE = re.compile(r"[^\s.\"\\]+")


def visible(text: str) -> str:
    """The text with every sign that cannot be seen, or that would move the cursor, as its code."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in text)


def dotted(path: Iterable[str | int]) -> str:
    """The path as people write it: steps joined by dots, one that holds a dot in quotes, items [1], [2], …"""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step + 1}]"
        else:
            text += f".{_step(step)}" if text else _step(step)
    return text


def _step(step: str) -> str:
    if _BARE.fullmatch(step) and step.isprintable():
        return step
    escaped = step.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{visible(escaped)}"'


_STEP = re.compile(r'"((?:[^"\\]|\\.)*)"|([^".]+)')


def split_dotted(text: str) -> tuple[str, ...]:
    """The keys of a dotted path; a key that holds a dot stands in quotes. Raises `ValueError`."""
    steps: list[str] = []
    position = 0
    while position <= len(text):
        match = _STEP.match(text, position)
        if not match or (match.end() < len(text) and text[match.end()] != "."):
            raise ValueError(f'"{text}" is not a dotted path')
        quoted, bare = match.groups()
        steps.append(re.sub(r"\\(.)", r"\1", quoted) if bare is None else bare)
        position = match.end() + 1
    return tuple(steps)
