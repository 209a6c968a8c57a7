"""PURE: the model as the variants leave it for one root unit, whose settings may differ from the others'."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from syncd.mapping.schema_rules import Model
from syncd.mapping.suggestions import did_you_mean, meant_or_listed
from syncd.mapping.tree_paths import split_dotted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncd.mapping.schema import MappingDocument, Settings, Variant

MODEL_KEYS = (
    "kinds",
    "roles",
    "constraints",
    "administration",
    "change_states",
    "invitations",
    "joining",
    "removal",
    "transfer",
    "export",
)


class VariantError(ValueError):
    """A path that cannot be set, or a value that cannot stand there; `hint` is what may be meant."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def effective_document(document: MappingDocument, own: Settings | None) -> MappingDocument:
    """The document with the variants applied, in order, that hold for a root unit with its `own` settings.

    Raises `VariantError` where a variant does not fit, which `load` has excluded.
    """
    settings = settings_of(document, own)
    for variant in document.variants:
        if holds(variant, settings):
            document = apply(document, variant.set)
    return document


def settings_of(document: MappingDocument, own: Settings | None) -> dict[str, Any]:
    """The settings in force for a root unit: the mapping's, and over them its own."""
    return {**_said(document.settings), **(_said(own) if own else {})}


def _said(settings: Settings) -> dict[str, Any]:
    return settings.model_dump(exclude_unset=True, by_alias=True)


def holds(variant: Variant, settings: Mapping[str, Any]) -> bool:
    """Whether every setting has the value that the variant asks for; a dot leads into a setting."""
    return all(_setting(settings, name) == value for name, value in variant.if_.items())


def _setting(settings: Mapping[str, Any], name: str) -> Any:
    if name in settings:
        value = settings[name]
        # `guests: false` is short for {default: false}
        return value["default"] if name == "guests" and isinstance(value, dict) else value
    value = settings
    for step in split_dotted(name):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def apply(document: MappingDocument, values: Mapping[str, Any]) -> MappingDocument:
    """The document with each value at its dotted path; raises `VariantError`."""
    for path, value in values.items():
        document = set_at(document, path, value)
    return document


def set_at(document: MappingDocument, path: str, value: Any) -> MappingDocument:
    """The document with `value` at the dotted `path`; raises `VariantError`."""
    try:
        steps = split_dotted(path)
    except ValueError as error:
        raise VariantError(str(error), "for example roles.member.assignable") from None
    if steps[0] not in MODEL_KEYS:
        hint = did_you_mean(steps[0], MODEL_KEYS) or f"it can set {', '.join(MODEL_KEYS)}"
        raise VariantError(f'a variant cannot set "{steps[0]}"', hint)
    try:
        changed: MappingDocument = _with(document, steps, value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        ours = first.get("ctx", {}) if first["type"] == "syncd" else {}
        raise VariantError(
            ours.get("message") or f"the value does not fit: {first['msg']}", ours.get("hint", "")
        ) from None
    return changed


def _with(held: Any, steps: Sequence[str], value: Any) -> Any:
    """`held` with `value` at the end of `steps`; models are validated anew on the way back."""
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(held, Model):
        fields = {field.alias or name: name for name, field in type(held).model_fields.items()}
        if step not in fields:
            raise VariantError(f'unknown key "{step}"', meant_or_listed(step, fields))
        name = fields[step]
        kept = {each: getattr(held, each) for each in held.model_fields_set}
        return type(held).model_validate({**kept, name: _with(getattr(held, name), rest, value)})
    if isinstance(held, dict):
        if step not in held:
            raise VariantError(f'there is no "{step}"', meant_or_listed(step, held))
        return {**held, step: _with(held[step], rest, value)}
    if isinstance(held, tuple) and step.isdecimal() and int(step) < len(held):
        index = int(step)
        return (*held[:index], _with(held[index], rest, value), *held[index + 1 :])
    if held is None:
        return {step: _with(None, rest, value)}
    raise VariantError(f'"{step}" leads nowhere')
