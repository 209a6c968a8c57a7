"""YAML text as a tree in which every key and value knows its place.

The text is parsed once, event by event, by libyaml with the YAML 1.2 core schema; the events are
taken rather than composed nodes, so that what a mapping refuses (anchors, aliases, merge keys, tags,
several documents, duplicate keys, depth) is refused where it stands and at no more cost.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml
import yamlcore

from syncd.errors import Place, Problem
from syncd.mapping.tree_paths import dotted
from syncd.mapping.values import Scalar

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAX_BYTES", "MAX_DEPTH", "Node", "dotted", "from_plain", "parse", "plain"]

MAX_DEPTH = 20
MAX_BYTES = 1 << 20

Content: TypeAlias = "dict[str, Node] | list[Node] | str | None"


@dataclass(slots=True)
class Node:
    """A value and where it stands; in a mapping, also where its key stands. Lines and columns from 0.

    The item of a list has no key; `key_column` is then its index in the list of its file.
    """

    content: Content
    file: str
    line: int
    column: int
    key_line: int = -1
    key_column: int = -1

    @property
    def value_place(self) -> Place:
        """Where the value stands."""
        return Place(self.file, self.line + 1, self.column + 1)

    @property
    def place(self) -> Place:
        """Where the key stands; of the item of a list, the value."""
        if self.key_line < 0:
            return self.value_place
        return Place(self.file, self.key_line + 1, self.key_column + 1)


def plain(node: Node) -> Any:
    """The values of the tree without places and without the keys that begin with `x-`."""
    content = node.content
    if isinstance(content, dict):
        return {key: plain(child) for key, child in content.items() if not key.startswith("x-")}
    if isinstance(content, list):
        return [plain(child) for child in content]
    return content


def from_plain(value: Any, place: Place) -> Node:
    """A tree of values that come from elsewhere, all standing at `place`."""
    content: Any = value
    if isinstance(value, dict):
        content = {str(key): from_plain(inner, place) for key, inner in value.items()}
    elif isinstance(value, list | tuple):
        content = [from_plain(inner, place) for inner in value]
    elif value is not None and not isinstance(value, str):
        content = Scalar(str(value).lower() if isinstance(value, bool) else str(value), value)
    line, column = place.line - 1, place.column - 1
    return Node(content, place.file, line, column, line, column)


_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]|\r(?!\n)|(?<!^)\ufeff")


def parse(raw: bytes, file: str) -> tuple[Node | None, list[Problem]]:
    """The tree of one file and all that is refused in it; no tree where it cannot be read at all."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return None, [_not_utf8(raw, error.start, file)]
    problems = [_control_character(text, match.start(), file) for match in _FORBIDDEN.finditer(text)]
    if problems:
        return None, problems
    return _Builder(file).build(text)


def _place_of(before: str, file: str) -> Place:
    return Place(file, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


def _not_utf8(raw: bytes, start: int, file: str) -> Problem:
    place = _place_of(raw[:start].decode("utf-8-sig", "replace"), file)
    return Problem(place, "", f"byte 0x{raw[start]:02x} is not UTF-8", "save the file as UTF-8")


def _control_character(text: str, start: int, file: str) -> Problem:
    name = f"U+{ord(text[start]):04X}"
    return Problem(_place_of(text[:start], file), "", f"control character {name} is not allowed", "delete it")


_PARSER_HINTS = (
    (
        "found character that cannot start any token",
        "indent with blanks, not tabs; quote text that begins with a sign",
    ),
    ("mapping values are not allowed", 'quote text that holds ": "'),
    ("did not find expected key", "look at the indentation of this line and the one above"),
    ("did not find expected '-' indicator", "look at the indentation of this line and the one above"),
    ("could not find expected ':'", "a key needs a colon and a blank behind it"),
    ("did not find expected ',' or", "a bracket opened above is not closed"),
    ("found unexpected end of stream", "a quote opened above is not closed"),
)


def _syntax_error(error: yaml.YAMLError, file: str) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    message = getattr(error, "problem", None) or str(error)
    hint = next((hint for start, hint in _PARSER_HINTS if message.startswith(start)), "")
    place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
    return Problem(place, "", f"not YAML: {message}", hint)


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not been seen.

    `step` is its own key or index in what holds it; `key` is the key that waits for its value.
    """

    node: Node
    step: str | int | None
    key: tuple[str, int, int] | None = None
    dropped: bool = False


@dataclass(slots=True)
class _Builder:
    """Turns the events of one file into a tree, and collects what is refused on the way."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    stack: list[_Open] = field(default_factory=list)
    root: Node | None = None
    documents: int = 0

    def build(self, text: str) -> tuple[Node | None, list[Problem]]:
        loader = yamlcore.CCoreLoader(text)
        try:
            for event in _events(loader):
                if not self._take(event, loader):
                    return None, self.problems
        except yaml.YAMLError as error:
            self.problems.append(_syntax_error(error, self.file))
            return None, self.problems
        finally:
            loader.dispose()
        return self.root, self.problems

    def _take(self, event: Any, loader: Any) -> bool:
        """Take one event in; False where reading on makes no sense."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._scalar(event, loader)
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self.stack.pop()
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            return self._collection(event, {} if kind is yaml.MappingStartEvent else [])
        elif kind is yaml.AliasEvent:
            self._refuse(event, f"alias *{event.anchor} is not allowed", "write the value again")
            self._place_value(None, event, refused=True)
        elif kind is yaml.DocumentStartEvent:
            self.documents += 1
            if self.documents > 1:
                self._refuse(
                    event, "a second document begins here", "one file is one document: delete the ---"
                )
                return False
        return True

    def _scalar(self, event: Any, loader: Any) -> None:
        if event.anchor or event.tag:
            self._marked(event)
        value: str = event.value
        top = self.stack[-1] if self.stack else None
        if top is not None and top.key is None and type(top.node.content) is dict:
            self._key(top, value, event)
            return
        content: str | None = value
        if event.style == '"' and (control := _CONTROL.search(value)):
            self._refuse(event, f"control character U+{ord(control[0]):04X} is not allowed", "delete it")
        if not event.style and (not value or value[0] in _TYPED_STARTS):
            content = _resolved(value, loader)
        self._place_value(content, event)

    def _key(self, top: _Open, key: str, event: Any) -> None:
        mark = event.start_mark
        earlier = top.node.content.get(key) if isinstance(top.node.content, dict) else None
        top.dropped = True
        if key == "<<" and not event.style:
            self._refuse(event, "merge key << is not allowed", "write the keys out")
        elif not key:
            self._refuse(event, "a key is empty")
        elif earlier is not None:
            line = earlier.key_line + 1
            self._refuse(event, f'key "{key}" is here twice', f"the first is in line {line}; keep one", key)
        else:
            top.dropped = False
        top.key = (key, mark.line, mark.column)

    def _collection(self, event: Any, content: dict[str, Node] | list[Node]) -> bool:
        if event.anchor or event.tag:
            self._marked(event)
        top = self.stack[-1] if self.stack else None
        if top is not None and top.key is None and type(top.node.content) is dict:
            self._refuse(
                event,
                "a key must be text, not a list or keys and values",
                "quote a text that begins with [ or {",
            )
            return False
        if len(self.stack) >= MAX_DEPTH:
            self._refuse(
                event,
                f"more than {MAX_DEPTH} levels deep",
                "split the unit or use `under` in a file of its own",
            )
            return False
        step: str | int | None = None
        if top is not None:
            step = len(top.node.content or ()) if top.key is None else top.key[0]
        self.stack.append(_Open(self._place_value(content, event), step))
        return True

    def _place_value(self, content: Content, event: Any, *, refused: bool = False) -> Node:
        mark = event.start_mark
        node = Node(content, self.file, mark.line, mark.column)
        if not self.stack:
            self.root = node
            return node
        top = self.stack[-1]
        held = top.node.content
        if type(held) is list:
            node.key_column = len(held)
            if not refused:
                held.append(node)
        elif isinstance(held, dict) and top.key is not None:
            key, node.key_line, node.key_column = top.key
            top.key = None
            if not (refused or top.dropped):
                held[key] = node
        return node

    def _marked(self, event: Any) -> None:
        if event.anchor:
            self._refuse(
                event, f"anchor &{event.anchor} is not allowed", "write the value where it is needed"
            )
        if event.tag:
            self._refuse(
                event,
                f"tag {_short_tag(event.tag)} is not allowed",
                "delete the tag; quote the value to make it text",
            )

    def _refuse(self, event: Any, message: str, hint: str = "", *keys: str) -> None:
        mark = event.start_mark
        path: list[str | int] = [open_.step for open_ in self.stack if open_.step is not None]
        if self.stack and self.stack[-1].key is not None:
            path.append(self.stack[-1].key[0])
        path.extend(keys)
        place = Place(self.file, mark.line + 1, mark.column + 1)
        self.problems.append(Problem(place, dotted(path), message, hint))


def _short_tag(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")


def _events(loader: Any) -> Iterator[Any]:
    while loader.check_event():
        yield loader.get_event()


_TYPED_STARTS = frozenset("~nNtTfF+-.0123456789")


def _resolved(text: str, loader: Any) -> str | None:
    """What the core schema makes of a plain scalar: None, text, or a typed value beside its text."""
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))
    if tag == "tag:yaml.org,2002:str":
        return text
    if tag == "tag:yaml.org,2002:null":
        return None
    return Scalar(text, loader.construct_object(yaml.ScalarNode(tag, text)))
