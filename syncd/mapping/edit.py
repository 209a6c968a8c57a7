"""Formatting a file of a mapping without losing a comment.

Keys keep their order: comments belong to the line they stand by, and moving keys would part them.
What stands in brackets stays there while it fits into a line, and becomes a block where it does not.
The result is read again and compared, so that a file never means something else after formatting.
"""

from __future__ import annotations

import io
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import ScalarString

from syncd.errors import MappingInvalid, Place, Problem
from syncd.mapping.tree import Node, parse, plain

WIDTH = 110
INDENT = 2
UNLIMITED = 1 << 20


def formatted(text: str, file: str) -> str:
    """The text with blocks indented by two and lists by two more, comments and quotes kept.

    Raises `MappingInvalid` where the text cannot be read, or could not be written without a change
    of meaning.
    """
    before = _read(text, file)
    try:
        data: Any = _yaml().load(text)
    except YAMLError as error:
        raise MappingInvalid([_not_formattable(file, str(error))]) from None
    _unfold(data, 0, 0)
    stream = io.StringIO()
    _yaml().dump(data, stream)
    after = "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"
    if _read(after, file) != before or _comments(after) != _comments(text):
        raise MappingInvalid([_not_formattable(file, "formatting would change what it says")])
    return after


def _unfold(value: Any, indent: int, start: int) -> None:
    """Turn every collection in brackets that would end beyond `WIDTH` into a block.

    `start` is the column where it begins, `indent` that of the keys around it.
    """
    if not isinstance(value, CommentedMap | CommentedSeq):
        return
    if value.fa.flow_style():
        if start + _length(value) <= WIDTH:
            return
        value.fa.set_block_style()
    if isinstance(value, CommentedMap):
        for key, inner in value.items():
            _unfold(inner, indent + INDENT, indent + len(str(key)) + len(": "))
    else:
        for inner in value:
            _unfold(inner, indent + INDENT, indent + len("- "))


def _length(value: Any) -> int:
    """How many characters a value takes on one line; the brackets take the room of the last comma."""
    if isinstance(value, CommentedMap):
        return sum(len(str(key)) + _length(inner) + len(": , ") for key, inner in value.items())
    if isinstance(value, CommentedSeq):
        return sum(_length(inner) + len(", ") for inner in value)
    return len(str(value)) + (len('""') if isinstance(value, ScalarString) else 0)


def _yaml() -> YAML:
    yaml = YAML(typ="rt", pure=True)
    yaml.preserve_quotes = True
    yaml.width = UNLIMITED
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _read(text: str, file: str) -> Any:
    tree, problems = parse(text.encode("utf-8"), file)
    if problems:
        raise MappingInvalid(problems)
    return plain(tree) if isinstance(tree, Node) else None


def _comments(text: str) -> list[str]:
    """What stands behind a # at the start of a line or after a blank, quoted text included, in order."""
    found = (
        line.partition(" #")[2] or (line.lstrip()[1:] if line.lstrip().startswith("#") else "")
        for line in text.splitlines()
    )
    return sorted(comment.strip() for comment in found if comment.strip())


def _not_formattable(file: str, reason: str) -> Problem:
    return Problem(Place(file), "", f"cannot be formatted: {reason}", "the file is left as it is")
