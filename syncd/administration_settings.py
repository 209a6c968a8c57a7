"""The setting in force for a unit: its own, or that of the nearest unit above, or the mapping's. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.administration_words import World
    from syncd.mapping.schema import MappingDocument, Settings
    from syncd.model import Path

BY_DEFAULT = {"guests": True, "guests.when_disabled": "block_new", "seats.overflow": "refuse"}


def setting(world: World, unit: Path, name: str) -> Any:
    """The value of a setting, a dot leads into it; None where nobody sets it and the format does not."""
    return setting_at(world.document(unit), unit, name)


def setting_at(document: MappingDocument, unit: Path, name: str) -> Any:
    """The same by the model in force where the unit lies."""
    found = BY_DEFAULT.get(name)
    for settings in _from_the_top(document, unit):
        said = _said(settings, name)
        found = found if said is None else said
    return found


def in_words(value: Any) -> str:
    """A free value of a setting on one line: `always: email_otp; exclusive: password, sso`."""
    if isinstance(value, dict):
        return "; ".join(f"{name}: {in_words(one)}" for name, one in value.items())
    return ", ".join(map(in_words, value)) if isinstance(value, list | tuple) else str(value)


def _from_the_top(document: MappingDocument, unit: Path) -> Iterator[Settings]:
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
    """What one unit says, and not what the format adds to it; `guests` in short and in full mean the same."""
    value: Any = settings
    for step in ("guests.default" if name == "guests" else name).split("."):
        if isinstance(value, BaseModel):
            value = getattr(value, step) if step in value.model_fields_set else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value
