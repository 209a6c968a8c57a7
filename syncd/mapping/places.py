"""Where everything in a merged mapping was written.

Two kinds of path lead to a place: the keys as files write them
(`("organizations", "acme", "teams", "platform", "members", "member", 0)`), and the names of units
(`("acme", "platform")`). Messages show the path within the file, without the prefix of its `under`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncd.errors import Place, Problem
from syncd.mapping.tree_paths import dotted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.mapping.tree import Node
    from syncd.model import Path


@dataclass(frozen=True, slots=True)
class Places:
    """The places of one mapping: each plural's kind, and how long the prefix of each file's `under` is."""

    root: Node
    plurals: Mapping[str, str]
    prefixes: Mapping[str, int] = field(default_factory=dict)
    _units: dict[Path, tuple[Node, tuple[str, ...]] | None] = field(default_factory=dict)
    _holders: dict[tuple[str | int, ...], tuple[Node, bool]] = field(default_factory=dict)

    def at(self, path: Sequence[str | int]) -> Place:
        """Where the key (or the list item) at `path` stands; of what is absent, what would hold it."""
        return self._walk(path)[0].place

    def value(self, path: Sequence[str | int]) -> Place:
        """Where the value at `path` stands; of what is absent, what would hold it."""
        return self._walk(path)[0].value_place

    def has(self, path: Sequence[str | int]) -> bool:
        """Whether a file writes something at `path`."""
        return self._walk(path)[1]

    def filled(self, path: Sequence[str | int]) -> bool:
        """Whether what stands at `path` is more than an empty mapping."""
        node, found = self._walk(path)
        return found and node.content != {}

    def unit(self, names: Path, *rest: str | int) -> Place:
        """Where the unit with this path of names, or something in it, stands."""
        return self.at(self.unit_path(names, *rest))

    def unit_path(self, names: Path, *rest: str | int) -> tuple[str | int, ...]:
        """The keys that lead to the unit with this path of names, and on to `rest`."""
        found = self._unit(names)
        return (*(found[1] if found else names), *rest)

    def problem(
        self,
        path: Sequence[str | int],
        message: str,
        hint: str = "",
        *,
        value: bool = False,
        severity: str = "error",
    ) -> Problem:
        """A problem of what stands at `path`, pointing to its key or, with `value`, its value."""
        node, _ = self._walk(path)
        place = node.value_place if value else node.place
        return Problem(place, self.dotted(path), message, hint, severity)

    def dotted(self, path: Sequence[str | int]) -> str:
        """The path as the file writes it, as far as it goes there, without the prefix of its `under`."""
        node, shown = self.root, list[str | int]()
        for step in path:
            child = _step(node, step)
            if child is None and step != "":
                break
            if child is not None:
                shown.append(child.key_column if isinstance(node.content, list) else step)
                node = child
        return dotted(shown[self.prefixes.get(node.file, 0) :])

    def cut(self, path: Sequence[str | int], *, emptied: bool) -> None:
        """Take what stands at `path`, or holds it, out of the tree or leave it empty: it is refused."""
        self._holders.clear()
        while len(path) > 1 and not self.has(path):
            path = path[:-1]
        holder, _ = self._walk(path[:-1])
        node = _step(holder, path[-1])
        if node is None:
            return
        if emptied:
            node.content = {}
        elif isinstance(holder.content, list):
            del holder.content[int(path[-1])]
        elif isinstance(holder.content, dict):
            del holder.content[str(path[-1])]

    def _walk(self, path: Sequence[str | int]) -> tuple[Node, bool]:
        """The last node on the path, and whether it is the end of it; the way to a list is walked once."""
        if not path:
            return self.root, True
        above = tuple(path[:-1])
        found = self._holders.get(above)
        if found is None:
            found = self._holders[above] = self._walk(above)
        node, whole = found
        child = _step(node, path[-1]) if whole else None
        if child is not None:
            return child, True
        return node, whole and path[-1] == ""

    def _unit(self, names: Path) -> tuple[Node, tuple[str, ...]] | None:
        if not names:
            return self.root, ()
        if names not in self._units:
            above = self._unit(names[:-1])
            self._units[names] = _child(above, names[-1], self.plurals) if above else None
        return self._units[names]


def _step(node: Node, step: str | int) -> Node | None:
    """What `step` leads to in a node; `""` leads nowhere, but to the node itself."""
    content = node.content
    if isinstance(content, dict):
        return content.get(str(step))
    if isinstance(content, list) and isinstance(step, int) and step < len(content):
        return content[step]
    return None


def _child(
    above: tuple[Node, tuple[str, ...]], name: str, plurals: Mapping[str, str]
) -> tuple[Node, tuple[str, ...]] | None:
    node, path = above
    content = node.content if isinstance(node.content, dict) else {}
    for plural, named in content.items():
        if plural in plurals and isinstance(named.content, dict) and name in named.content:
            return named.content[name], (*path, plural, name)
    return None
