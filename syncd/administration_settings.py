"""The setting in force for a unit: its own, or that of the nearest unit above, or the mapping's. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.administration_words import World
    from syncd.mapping.schema import Settings
    from syncd.model import Path

BY_DEFAULT = {"guests": True}


def setting(world: World, unit: Path, name: str) -> Any:
    """The value of a setting, a dot leads into it; None where nobody sets it and the format does not."""
    found = BY_DEFAULT.get(name)
    for settings in _from_the_top(world, unit):
        said = _said(settings, name)
        found = found if said is None else said
    return found


def _from_the_top(world: World, unit: Path) -> Iterator[Settings]:
    document = world.document(unit)
    yield document.settings
    level = document.units
    for name in unit:
        model = next((named[name] for named in level.values() if name in named), None)
        if model is None:
            return
        if model.settings is not None:
            yield model.settings
        level = model.units


def _said(settings: Settings, name: str) -> Any:
    """What one unit says; `guests` in short and in full mean the same."""
    first, *rest = name.split(".")
    if first not in settings.model_fields_set:
        return None
    value: Any = getattr(settings, first)
    if name == "guests":
        rest = ["default"]
    for step in rest:
        value = value.get(step) if isinstance(value, dict) else getattr(value, step, None)
    return value
