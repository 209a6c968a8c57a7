"""PURE: what the placeholders of a template stand for in one unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.mapping.compiled import Role, Unit


def unit_values(unit: Unit, mapping: str, language: str | None) -> dict[str, str | tuple[str, ...]]:
    """Placeholder → value; an attribute with several values is a tuple, and so is the path."""
    attributes = {f"attributes.{name}": _one_or_many(values) for name, values in unit.attributes.items()}
    return {
        **attributes,
        "path": unit.path,
        "name": unit.name,
        "id": unit.ident,
        "title": in_language(unit.title, language),
        "kind": unit.kind,
        "mapping": mapping,
    }


def role_values(role: Role) -> dict[str, str | tuple[str, ...]]:
    """The placeholders that stand for a role."""
    return {"role": role.short, "role_id": role.name.replace("/", ".")}


def in_language(title: Mapping[str, str], language: str | None) -> str:
    """The title without a language, else in the mapping's own, else in English, else the first."""
    for tag in ("", language or "", "en"):
        if tag in title:
            return title[tag]
    return title[min(title)] if title else ""


def _one_or_many(values: tuple[str, ...]) -> str | tuple[str, ...]:
    return values[0] if len(values) == 1 else values
