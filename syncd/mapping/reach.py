"""How far the operator lets each file of a mapping reach, and the values that the operator sets.

`files: {"teams/dsi/**": {under: [/acme/dsi], keys: [teams, title, members], roles: [member]}}`: a
file that matches rows must keep to each of them; a file that matches none is not limited. Above
`under` such a file may only lead the way; outside units it holds nothing but `people` and `rosters`
where `keys` names them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from syncd.errors import Place, Problem
from syncd.mapping.names import short
from syncd.mapping.schema_rules import Model
from syncd.mapping.tree import Node, from_plain
from syncd.mapping.tree_paths import dotted, split_dotted
from syncd.mapping.values import TextList  # noqa: TC001  pydantic reads the annotations at run time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from syncd.model import Path

OUTSIDE_UNITS = frozenset({"people", "rosters"})
ALWAYS = frozenset({"syncd", "under"})
SETTABLE = ("keycloak", "ldap", "settings")


class FileLimits(Model):
    """One row of the operator's `files`; an empty list limits nothing."""

    under: TextList = ()
    keys: TextList = ()
    roles: TextList = ()


@lru_cache(maxsize=1024)
def _pattern(glob: str) -> re.Pattern[str]:
    """`**` is any folders, `*` and `?` stay within one name."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(meaning.get(part, re.escape(part)) for part in parts))


def beyond_reach(
    tree: Node, relative: str, rows: Mapping[str, FileLimits], plurals: Mapping[str, str]
) -> list[Problem]:
    """Everything in one file that lies outside a row of the operator's that the file matches."""
    problems: list[Problem] = []
    for glob, limits in rows.items():
        if _pattern(glob).fullmatch(relative):
            problems.extend(_Judge(glob, limits, plurals).file(tree))
    return problems


@dataclass(frozen=True, slots=True)
class _Judge:
    """One row of the operator's, applied to one file."""

    glob: str
    limits: FileLimits
    plurals: Mapping[str, str]

    def file(self, tree: Node) -> Iterator[Problem]:
        content = tree.content if isinstance(tree.content, dict) else {}
        names = _under(content.get("under"))
        for key, node in content.items():
            if key in self.plurals:
                yield from self._units(node, names, (key,))
            elif not (key in ALWAYS or key.startswith("x-") or key in OUTSIDE_UNITS & set(self.limits.keys)):
                yield self._problem(node, (key,), f'the key "{key}" is not for this file')

    def _units(self, plural: Node, above: Path, path: tuple[str, ...]) -> Iterator[Problem]:
        content = plural.content if isinstance(plural.content, dict) else {}
        for name, unit in content.items():
            names = (*above, name)
            if self._inside(names):
                yield from self._unit(unit, names, (*path, name))
            elif self._on_the_way(names):
                yield from self._passage(unit, names, (*path, name))
            else:
                shown = "/" + "/".join(names)
                yield self._problem(unit, (*path, name), f"the unit {shown} is not for this file")

    def _unit(self, unit: Node, names: Path, path: tuple[str, ...]) -> Iterator[Problem]:
        for key, node in (unit.content if isinstance(unit.content, dict) else {}).items():
            if self.limits.keys and key not in self.limits.keys and not key.startswith("x-"):
                yield self._problem(node, (*path, key), f'the key "{key}" is not for this file')
            elif key in self.plurals:
                yield from self._units(node, names, (*path, key))
            elif key == "members" and self.limits.roles:
                yield from self._members(node, (*path, key))

    def _passage(self, unit: Node, names: Path, path: tuple[str, ...]) -> Iterator[Problem]:
        """A unit above those the file may fill: it may hold nothing of its own."""
        for key, node in (unit.content if isinstance(unit.content, dict) else {}).items():
            if key in self.plurals:
                yield from self._units(node, names, (*path, key))
            elif not key.startswith("x-"):
                shown = "/" + "/".join(names)
                yield self._problem(node, (*path, key), f'the key "{key}" of {shown} is not for this file')

    def _members(self, node: Node, path: tuple[str, ...]) -> Iterator[Problem]:
        if not isinstance(node.content, dict):
            yield self._problem(node, path, "members without a role are not for this file")
            return
        for role, entries in node.content.items():
            shorts = [name for name in self.limits.roles if short(name) == role]
            if role not in self.limits.roles and len(shorts) != 1 and not role.startswith("x-"):
                yield self._problem(entries, (*path, role), f'the role "{role}" is not for this file')

    def _inside(self, names: Path) -> bool:
        tops = [_names(top) for top in self.limits.under]
        return not tops or any(names[: len(top)] == top for top in tops)

    def _on_the_way(self, names: Path) -> bool:
        return any(_names(top)[: len(names)] == names for top in self.limits.under)

    def _problem(self, node: Node, path: Sequence[str], message: str) -> Problem:
        limits = self.limits
        allowed = [
            f"{key} {', '.join(values)}"
            for key, values in (("under", limits.under), ("keys", limits.keys), ("roles", limits.roles))
            if values
        ]
        return Problem(
            node.place, dotted(path), message, f'the operator allows "{self.glob}": {"; ".join(allowed)}'
        )


def _names(path: str) -> Path:
    return tuple(step for step in path.split("/") if step)


def _under(node: Node | None) -> Path:
    return _names(node.content) if node is not None and isinstance(node.content, str) else ()


def apply_settings(root: Node, values: Mapping[str, Any], place: Place) -> list[Problem]:
    """Put the operator's values at their dotted paths: outputs and settings only."""
    problems: list[Problem] = []
    for path, value in values.items():
        try:
            steps = split_dotted(path)
        except ValueError as error:
            problems.append(Problem(place, f'set."{path}"', str(error), "for example keycloak.realm"))
            continue
        if steps[0] not in SETTABLE:
            message = f'"{path}" cannot be set from outside'
            problems.append(Problem(place, f'set."{path}"', message, f"only {', '.join(SETTABLE)} can"))
            continue
        blocked = put(root, steps, from_plain(value, place))
        if blocked:
            hint = "take the line out of `set`, or change the mapping"
            problems.append(Problem(place, f'set."{path}"', f"{blocked} holds no keys in the mapping", hint))
    return problems


def put(root: Node, steps: Sequence[str], value: Node) -> str:
    """Set the value at a path of keys, making what is missing; the path that is in the way, if one is."""
    node = root
    for index, step in enumerate(steps):
        if node.content is None:
            node.content = {}
        if not isinstance(node.content, dict):
            return dotted(steps[:index])
        if index == len(steps) - 1:
            node.content[step] = value
        elif step not in node.content:
            node.content[step] = Node({}, value.file, value.line, value.column, value.line, value.column)
        node = node.content[step]
    return ""
