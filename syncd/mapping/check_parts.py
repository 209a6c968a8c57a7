"""PURE: what stands against running a mapping's root units apart (`policy.split: root_unit`).

Allowed is only what no two parts would write or judge together: every output gives each root unit a group,
unit or organization of its own, in which all that the root unit has lies. Constraints, seats, quorums of
administrators and shares of units are of one root unit anyway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.errors import Problem
from syncd.ldapwire import dn
from syncd.mapping import outputs
from syncd.mapping.parts import LAID, tops_of
from syncd.plan_moves import path_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.errors import Place
    from syncd.mapping.compiled import Compiled
    from syncd.mapping.places import Places
    from syncd.model import Desired, Path

FIELD = "policy.split"


def problems(compiled: Compiled, environment: str, reach: outputs.Reach, place: Place) -> list[Problem]:
    """Why the mapping cannot be split, at the place that asks for it; its outputs can be rendered."""
    found = []
    for output in outputs.output_names(compiled):
        desired = outputs.render(compiled, output, environment, None, reach)
        for message, hint in (*_options(compiled, output), *_places(compiled, output, desired)):
            found.append(Problem(place, FIELD, f"`{output.replace(':', '.')}`: {message}", hint))
    return found


def place_of(places: Places, otherwise: Place) -> Place:
    """Where the mapping asks to be split, else where its operator does."""
    path = ("policy", "split")
    return places.value(path) if places.has(path) else otherwise


def _options(compiled: Compiled, output: str) -> Iterator[tuple[str, str]]:
    keycloak = compiled.keycloak if output == outputs.KEYCLOAK else None
    if keycloak is not None and keycloak.permissions == "global":
        yield "the roles of `permissions: global` are of no root unit", "say `permissions: scoped` or `none`"
    if keycloak is None and compiled.ldap[output].nested:
        yield "groups in groups may lead from one root unit to another", "leave `nested` out"
    if keycloak is None and compiled.ldap[output].group_class == "posixGroup":
        yield "numbers of POSIX groups are given for the whole mapping", "write another `group_class`"


def _places(compiled: Compiled, output: str, desired: Desired) -> Iterator[tuple[str, str]]:
    """The first container that lies in no place of its root unit's own, and the first two that share one."""
    shown = _as_is if output == outputs.KEYCLOAK else _folded
    tops = {root: {shown(top) for top in places} for root, places in tops_of(compiled, desired).items()}
    hint = "let the templates begin with the root unit, as those by default do"
    for key, origin in sorted(desired.origins.items()):
        root = "/" + origin.unit.split("/")[1] if origin.unit else ""
        if key.kind in LAID and not _lies_in(shown(path_of(key)), tops.get(root, set())):
            whose = f"of {root} lies outside a place of its own" if root else "is of no root unit"
            yield f"{key} {whose}", hint
            break
    for root, places in sorted(tops.items()):
        others = {place for other, found in tops.items() if other != root for place in found}
        if any(_lies_in(place, others) for place in places):
            yield f"{root} lies in the place of another root unit", hint
            break


def _lies_in(path: Path, tops: set[Path]) -> bool:
    return any(path[:length] in tops for length in range(1, len(path) + 1))


def _as_is(path: Path) -> Path:
    return path


def _folded(path: Path) -> Path:
    """A path as a directory compares it, which may take two spellings for one."""
    return (*path[:2], *map(dn.fold, path[2:]))
