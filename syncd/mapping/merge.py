"""The files of a mapping as one tree: member lists are united, everything else may be said once.

A fragment with `under: /acme/dsi` hangs its units below that unit, which another file declares.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncd.errors import Problem
from syncd.mapping.schema import plurals_of
from syncd.mapping.suggestions import did_you_mean
from syncd.mapping.tree import Node, plain
from syncd.mapping.tree_paths import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from syncd.errors import Place
    from syncd.model import Path


@dataclass(slots=True)
class Merged:
    """One tree for the whole mapping; `prefixes` are the steps that `under` puts before a file's paths."""

    root: Node
    plurals: Mapping[str, str]
    prefixes: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def plurals_in(trees: Sequence[Node]) -> dict[str, str]:
    """The kind behind each plural, from the `kinds` of all files together."""
    tops = [tree.content for tree in trees if isinstance(tree.content, dict)]
    kinds = [top["kinds"] for top in tops if "kinds" in top and isinstance(top["kinds"].content, dict)]
    return plurals_of(plain(_joined_kinds(kinds)) if kinds else None)


def merge(trees: Sequence[Node], plurals: Mapping[str, str]) -> Merged:
    """Merge the trees of the files, each a mapping; their order shows in the order of lists only."""
    merger = Merged(Node({}, trees[0].file, 0, 0), plurals)
    fragments = []
    for tree in trees:
        under, place = _take_under(tree, merger.problems)
        if under:
            fragments.append((under, place, tree))
        else:
            _merge_holder(merger, merger.root, tree, ())
    for under, place, tree in sorted(fragments, key=lambda fragment: len(fragment[0])):
        _graft(merger, under, place, tree)
    return merger


def _joined_kinds(kinds: Sequence[Node]) -> Node:
    """The kinds of all files, the first to name one deciding: enough to know the plurals."""
    joined: dict[str, Node] = {}
    for node in kinds:
        if isinstance(node.content, dict):
            joined = {**node.content, **joined}
    return Node(joined, kinds[0].file, 0, 0)


def _take_under(tree: Node, problems: list[Problem]) -> tuple[Path, Place]:
    """Remove `under` from the tree and return the path of names that it writes, and where."""
    content = tree.content
    node = content.pop("under", None) if isinstance(content, dict) else None
    if node is None:
        return (), tree.place
    text = node.content
    if not isinstance(text, str) or not text.startswith("/") or not all(text[1:].split("/")):
        problems.append(
            Problem(node.value_place, "under", "expected the path of a unit", "for example /acme/dsi")
        )
        return (), node.place
    return tuple(text[1:].split("/")), node.value_place


def _graft(merger: Merged, under: Path, place: Place, tree: Node) -> None:
    unit = find_unit(merger.root, under, merger.plurals)
    content = tree.content if isinstance(tree.content, dict) else {}
    units = {key: node for key, node in content.items() if key in merger.plurals}
    rest = {key: node for key, node in content.items() if key not in merger.plurals}
    if unit is None:
        known = ["/" + "/".join(names) for names in unit_names(merger.root, merger.plurals)]
        shown = "/" + "/".join(under)
        hint = did_you_mean(shown, known) or "declare it, or the unit it is in, in a file without `under`"
        merger.problems.append(Problem(place, "under", f"no file declares the unit {shown}", hint))
        return
    merger.prefixes[tree.file] = 2 * len(under)
    if unit.content is None:
        unit.content = {}
    _merge_holder(merger, unit, Node(units, tree.file, tree.line, tree.column), ())
    _merge_holder(merger, merger.root, Node(rest, tree.file, tree.line, tree.column), ())


def find_unit(root: Node, names: Path, plurals: Mapping[str, str]) -> Node | None:
    """The unit with this path of names, if a file declares it."""
    node: Node | None = root
    for name in names:
        node = next((named for _, key, named in children(node, plurals) if key == name), None)
        if node is None:
            return None
    return node


def children(node: Node | None, plurals: Mapping[str, str]) -> Iterator[tuple[str, str, Node]]:
    """The units directly in `node`: (plural, name, unit)."""
    content = node.content if node is not None else None
    if not isinstance(content, dict):
        return
    for plural, named in content.items():
        if plural in plurals and isinstance(named.content, dict):
            for name, unit in named.content.items():
                yield plural, name, unit


def unit_names(root: Node, plurals: Mapping[str, str], above: Path = ()) -> Iterator[Path]:
    """The path of names of every unit."""
    for _, name, unit in children(root, plurals):
        yield (*above, name)
        yield from unit_names(unit, plurals, (*above, name))


def _merge_holder(merger: Merged, into: Node, other: Node, path: tuple[str, ...]) -> None:
    """Merge the top of a file, or a unit, whose keys are plurals, `members` and plain values."""
    content, added = into.content, other.content
    if not isinstance(content, dict) or not isinstance(added, dict):
        _merge_value(merger, into, other, path)
        return
    for key, node in added.items():
        here = content.get(key)
        if here is None:
            content[key] = node
        elif key in merger.plurals:
            _merge_units(merger, here, node, (*path, key))
        elif key == "members" and path:
            _merge_members(merger, here, node, (*path, key))
        else:
            _merge_value(merger, here, node, (*path, key))


def _merge_units(merger: Merged, into: Node, other: Node, path: tuple[str, ...]) -> None:
    content, added = into.content, other.content
    if not isinstance(content, dict) or not isinstance(added, dict):
        _merge_value(merger, into, other, path)
        return
    for name, unit in added.items():
        here = content.get(name)
        if here is None:
            content[name] = unit
        elif here.content is None:
            here.content = unit.content
        elif unit.content is not None:
            _merge_holder(merger, here, unit, (*path, name))


def _merge_members(merger: Merged, into: Node, other: Node, path: tuple[str, ...]) -> None:
    content, added = into.content, other.content
    if isinstance(content, list) and isinstance(added, list):
        content.extend(added)
    elif isinstance(content, dict) and isinstance(added, dict):
        for role, entries in added.items():
            here = content.get(role)
            if here is None:
                content[role] = entries
            else:
                _merge_members(merger, here, entries, (*path, role))
    else:
        _merge_value(merger, into, other, path)


def _merge_value(merger: Merged, into: Node, other: Node, path: tuple[str, ...]) -> None:
    content, added = into.content, other.content
    if isinstance(content, dict) and isinstance(added, dict):
        for key, node in added.items():
            if key in content:
                _merge_value(merger, content[key], node, (*path, key))
            else:
                content[key] = node
    elif plain(into) != plain(other):
        message = f"differs from {into.place}"
        hint = "say it in one file only"
        merger.problems.append(Problem(other.place, dotted(path), message, hint))
