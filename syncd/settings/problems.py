"""Complaints of pydantic about settings in our words, each with the place in the layer that is at fault."""

from __future__ import annotations

from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from syncd.errors import Place, Problem
from syncd.mapping.suggestions import meant_or_listed
from syncd.mapping.tree_paths import dotted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from syncd.settings.layers import Layer, Route


def problems_of(
    error: ValidationError,
    settings: type[BaseModel],
    data: dict[str, Any],
    layers: Sequence[Layer],
    file: str,
) -> list[Problem]:
    """A Problem for each complaint; `layers` are strongest first."""
    found = [_problem(detail, settings, data, layers, file) for detail in error.errors(include_input=False)]
    return sorted(set(found))


def _problem(
    detail: ErrorDetails, settings: type[BaseModel], data: dict[str, Any], layers: Sequence[Layer], file: str
) -> Problem:
    route = _route(detail["loc"], data)
    message, hint = _words(detail, route, settings)
    held = route[:-1] if detail["type"] == "missing" else route
    on_key = detail["type"] in ("missing", "extra_forbidden", "union_tag_not_found")
    place = next((where for layer in layers if (where := layer.place(held, key=on_key))), Place(file))
    return Problem(place, dotted(int(step) if step.isdigit() else step for step in route), message, hint)


def _route(loc: tuple[int | str, ...], data: Any) -> Route:
    """The path of pydantic without the steps that name a branch of a union."""
    route: list[str] = []
    for step in loc:
        if isinstance(data, dict):
            if step not in data and step in data.values():
                continue
            data = data.get(str(step))
        elif isinstance(data, list | tuple):
            data = data[step] if isinstance(step, int) and step < len(data) else None
        route.append(str(step))
    return tuple(route)


_PLAIN = {
    "union_tag_not_found": ("type is missing", "write `type: keycloak`, `type: ldap` or `type: http`"),
    "model_type": ("expected keys and values", ""),
    "dict_type": ("expected keys and values", ""),
    "tuple_type": ("expected a list", ""),
}


def _words(detail: ErrorDetails, route: Route, settings: type[BaseModel]) -> tuple[str, str]:
    context, kind = detail.get("ctx", {}), detail["type"]
    if kind == "syncd":
        return str(context["message"]), str(context["hint"])
    if kind == "extra_forbidden":
        return f'unknown key "{route[-1]}"', meant_or_listed(route[-1], known_keys(settings, route[:-1]))
    worded = {
        "missing": (f"{route[-1]} is missing", ""),
        "literal_error": (f"expected {context.get('expected')}", ""),
        "union_tag_invalid": (
            f'unknown type "{context.get("tag")}"',
            f"one of {context.get('expected_tags')}",
        ),
    } | _PLAIN
    return worded.get(kind, (str(detail["msg"]), ""))


def known_keys(annotation: Any, route: Route) -> set[str]:
    """The keys that may stand at `route`, as the models say."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType, Annotated):
        options = get_args(annotation)[:1] if origin is Annotated else get_args(annotation)
        return set().union(*(known_keys(option, route) for option in options))
    if origin in (dict, tuple, list):
        inner = get_args(annotation)[1 if origin is dict else 0]
        return known_keys(inner, route[1:]) if route else set()
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return set()
    fields = {field.alias or name: field.annotation for name, field in annotation.model_fields.items()}
    if not route:
        return set(fields)
    return known_keys(fields[route[0]], route[1:]) if route[0] in fields else set()
