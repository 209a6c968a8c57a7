"""What the schema cannot see once units are gathered: keys that lie between units and their plurals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.mapping.schema import MappingDocument, UnitModel
from syncd.mapping.suggestions import meant_or_listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.errors import Problem
    from syncd.mapping.places import Places
    from syncd.mapping.tree import Node


def check_structure(places: Places) -> Iterator[Problem]:
    """A literal `units` key, and units whose names make them comments."""
    known = (set(MappingDocument.model_fields) - {"units"}) | set(places.plurals)
    yield from _holder(places.root, (), places, known)


def _holder(node: Node, path: tuple[str, ...], places: Places, known: set[str]) -> Iterator[Problem]:
    content = node.content
    if not isinstance(content, dict):
        return
    if "units" in content and "units" not in places.plurals:
        yield places.problem((*path, "units"), 'unknown key "units"', meant_or_listed("units", known))
    inner = (set(UnitModel.model_fields) - {"units"}) | set(places.plurals)
    for plural in content:
        named = content[plural].content
        if plural not in places.plurals or not isinstance(named, dict):
            continue
        for name, unit in named.items():
            here = (*path, plural, name)
            if name.startswith("x-"):
                message = f'"{name}" is ignored with all that is in it, as every key that begins with x-'
                yield places.problem(
                    here, message, "rename the unit if it is meant to be one", severity="warning"
                )
            else:
                yield from _holder(unit, here, places, inner)
