"""The merged tree against the schema, with refusals in the words of administrators.

What is wrong is cut out and the rest validated again, so that the checks that follow see as much of
the mapping as can be understood and everything wrong is told at once.
"""

from __future__ import annotations

import re
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from syncd.mapping import schema
from syncd.mapping.schema import MappingDocument, UnitModel, gather_document
from syncd.mapping.suggestions import meant_or_listed
from syncd.mapping.tree import plain
from syncd.mapping.values import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from syncd.errors import Problem
    from syncd.mapping.places import Places

    Loc = tuple[str | int, ...]

ROUNDS = 8
NAMED_DEPTH = 2
NAMED = frozenset({"kinds", "roles", "people", "rosters"})
_TAGGED: Mapping[str, Any] = {
    "§person": schema.PersonMember,
    "§roster": schema.RosterMember,
    "§members_of": schema.UnitMember,
    "§ldap_group": schema.DirectoryMember,
}


def validate(places: Places) -> tuple[MappingDocument | None, list[Problem]]:
    """The document, without what is refused, and the refusals; no document where too little is left."""
    problems: dict[tuple[str, str], Problem] = {}
    for _ in range(ROUNDS):
        data = gather_document(plain(places.root))
        data["syncd"] = 1  # `read` has looked at the version of each file
        try:
            return MappingDocument.model_validate(data), list(problems.values())
        except ValidationError as error:
            wrongs = error.errors(include_url=False)
        told = {above for problem in problems.values() for above in _with_those_above(problem.path)}
        for wrong in wrongs:
            problem = _problem(wrong, places)
            if problem.path not in told:  # else it follows from what was cut out
                problems.setdefault((str(problem.place), problem.message), problem)
        for path in _refused(wrongs, places.plurals):
            places.cut(path, emptied=_is_named(path, places.plurals) and places.filled(path))
    return None, list(problems.values())


def _with_those_above(path: str) -> Iterator[str]:
    yield path
    yield from (path[: end.start()] for end in re.finditer(r"[.\[]", path))


def _refused(wrongs: Sequence[Any], plurals: Mapping[str, str]) -> list[Loc]:
    """The paths to cut out, each once, the later items of a list before the earlier ones."""
    paths = {
        source_path(wrong["loc"], plurals)[: -1 if wrong["type"] == "missing" else None] for wrong in wrongs
    }
    outer = [path for path in paths if path and not any(path[:end] in paths for end in range(len(path)))]
    return sorted(
        outer, key=lambda path: [(isinstance(step, int), str(step).zfill(9)) for step in path], reverse=True
    )


def _is_named(path: Loc, plurals: Mapping[str, str]) -> bool:
    """Whether it is a whole kind, role, person or unit, which others may refer to."""
    return len(path) > 1 and ((path[0] in NAMED and len(path) == NAMED_DEPTH) or path[-2] in plurals)


def _without_tags(loc: Loc) -> Loc:
    return tuple(step for step in loc if not (isinstance(step, str) and step.startswith("§")))


def source_path(loc: Loc, plurals: Mapping[str, str]) -> Loc:
    """The keys in the files behind a path through the document: plurals instead of `units` and a kind."""
    plural_of = {kind: plural for plural, kind in plurals.items()}
    path: list[str | int] = []
    steps = iter(_without_tags(loc))
    in_units = True
    for step in steps:
        if in_units and step == "units":
            kind = next(steps, None)
            if kind is None:
                break
            path.append(plural_of[str(kind)])
            name = next(steps, None)
            path.extend([] if name is None else [name])
            continue
        in_units = False
        path.append(step)
    return tuple(path)


def _problem(wrong: Any, places: Places) -> Problem:
    loc: Loc = wrong["loc"]
    path = source_path(loc, places.plurals)
    match wrong["type"]:
        case "missing":
            return places.problem(path[:-1], f'the key "{path[-1]}" is missing')
        case "extra_forbidden":
            return places.problem(path, f'unknown key "{path[-1]}"', _key_hint(loc, places))
        case "syncd":
            return places.problem(path, wrong["ctx"]["message"], wrong["ctx"]["hint"], value=True)
    message, hint = _type_message(wrong, path)
    return places.problem(path, message, hint, value=True)


def _type_message(wrong: Any, path: Loc) -> tuple[str, str]:
    value = wrong["input"]
    match wrong["type"]:
        case "literal_error":
            known = re.findall(r"'([^']*)'", wrong["ctx"]["expected"])
            return f"unknown value {shown(value)}", meant_or_listed(str(value), known)
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"expected keys and values, not {shown(value)}", ""
        case "tuple_type" | "list_type":
            hint = "write [] for nobody" if "members" in path and value is None else "put it in [ ]"
            return f"expected a list, not {shown(value)}", hint
        case "syncd_entry":
            return _entry_message(value)
    return wrong["msg"], ""


def _entry_message(value: Any) -> tuple[str, str]:
    sources = schema.SOURCES_OF_MEMBERS
    named = [source for source in sources if source in value] if isinstance(value, dict) else []
    if named:
        return (
            f"an entry has one of {', '.join(sources)}, not {' and '.join(named)}",
            "make two entries of it",
        )
    if isinstance(value, dict):
        return f"an entry needs one of {', '.join(sources)}", next(
            (hint for key in value if (hint := meant_or_listed(key, sources)).startswith("did")), ""
        )
    return f"expected a person or an entry, not {shown(value)}", ""


def _key_hint(loc: Loc, places: Places) -> str:
    key, known = str(loc[-1]), set[str]()
    for model in _models_at(loc[:-1]):
        known |= {field.alias or name for name, field in model.model_fields.items()}
        if model in (UnitModel, MappingDocument):
            known = (known - {"units"}) | set(places.plurals)
        if model is MappingDocument:
            known.add("under")
    return meant_or_listed(key, known)


def _models_at(loc: Loc) -> list[type[BaseModel]]:
    """The classes that may stand at a path through the document."""
    found: list[Any] = [MappingDocument]
    for step in loc:
        if step in _TAGGED:
            found = [_TAGGED[str(step)]]
        elif not str(step).startswith("§"):
            found = [inner for each in found for inner in _inside(each, step)]
    return [
        each for one in found for each in _flat(one) if isinstance(each, type) and issubclass(each, BaseModel)
    ]


def _inside(annotation: Any, step: str | int) -> Iterator[Any]:
    for each in _flat(annotation):
        origin, arguments = get_origin(each), get_args(each)
        if isinstance(each, type) and issubclass(each, BaseModel):
            fields = {field.alias or name: field.annotation for name, field in each.model_fields.items()}
            if step in fields:
                yield fields[str(step)]
        elif origin is dict:
            yield arguments[1]
        elif origin is tuple and isinstance(step, int):
            yield arguments[0]


def _flat(annotation: Any) -> Iterator[Any]:
    """The alternatives of a union, taken out of their annotations."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _flat(get_args(annotation)[0])
    elif origin is Union or origin is UnionType:
        for each in get_args(annotation):
            yield from _flat(each)
    else:
        yield annotation
