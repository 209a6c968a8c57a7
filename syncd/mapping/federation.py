"""PURE: groups that a realm takes from the very entries that a mapping writes to a directory.

Keycloak's group mapper knows a group by its last name alone, anywhere below its groups path, and answers
for its members from the directory. Where one mapping writes both sides, each would undo or hide the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.errors import Problem
from syncd.ldapwire import dn
from syncd.mapping.outputs import KEYCLOAK, render
from syncd.model import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from syncd.mapping.compiled import Compiled
    from syncd.mapping.outputs import Reach
    from syncd.model import Desired, GroupFederation, Path, State

HINT = (
    "turn one of the two outputs off, or give the mapper another Groups Path or LDAP Groups DN "
    "(User federation, Mappers)"
)


def federated_twice(
    compiled: Compiled,
    outputs: Iterable[str],
    environment: str,
    reach: Reach,
    federations: Sequence[GroupFederation],
) -> list[Problem]:
    """A problem for each mapper and LDAP output, of those turned on, between which a group would stand."""
    if not federations:
        return []
    groups = _groups(render(compiled, KEYCLOAK, environment, None, reach))
    found = []
    for output in sorted(set(outputs) - {KEYCLOAK}):
        entries = _groups(render(compiled, output, environment, None, reach))
        for mapper in federations:
            both = _taken(mapper, groups, _names(mapper, entries))
            if both:
                found.append(_problem(compiled, output, mapper, both))
    return found


def _groups(desired: Desired) -> State:
    return {key: attrs for key, attrs in sorted(desired.state.items()) if key.kind is Kind.GROUP}


def _names(mapper: GroupFederation, entries: State) -> frozenset[str]:
    """How the mapper calls those of the entries that it finds."""
    return frozenset(
        value.casefold()
        for key, attrs in entries.items()
        if _lies_at(dn.dn_of(key.place), mapper.groups_dn)
        for value in attrs.get(mapper.naming, ())
    )


def _taken(mapper: GroupFederation, groups: State, names: frozenset[str]) -> list[Path]:
    """The groups of Keycloak for which the mapper answers by entries of these names."""
    inside = [key.place for key in groups if key.place[: len(mapper.path)] == mapper.path]
    if mapper.mode == "LDAP_ONLY":  # it makes an entry for every group that lacks one
        return inside if names else []
    anywhere = mapper.nested or mapper.mode != "IMPORT"
    return [
        place for place in inside if place[-1].casefold() in names and (anywhere or place[:-1] == mapper.path)
    ]


def _lies_at(entry: str, base: str) -> bool:
    try:
        return bool(base) and (dn.same(entry, base) or dn.is_below(entry, base))
    except dn.DnError:  # a mapper that cannot work
        return False


def _problem(compiled: Compiled, output: str, mapper: GroupFederation, both: list[Path]) -> Problem:
    first, more = "/" + "/".join(both[0]), len(both) - 1
    return Problem(
        compiled.output_places[KEYCLOAK],
        KEYCLOAK,
        f"the group {first}{f' (and {more} more)' if more else ''} would be written twice: Keycloak takes it "
        f'from {mapper.groups_dn} at {mapper.url} (user federation "{mapper.name}", {mapper.mode}), where '
        f"`{output.replace(':', '.')}` ({compiled.output_places[output]}) writes it",
        HINT,
    )
