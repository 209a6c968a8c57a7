"""PURE: a compiled mapping rendered into the facts of one target, and what is wrong with the rendering.

The step from units, roles and people to group paths, DNs and keys needs no server, so that a clash of
names, a DN outside its base or something beyond the operator's leave is an error of the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncd.errors import MappingInvalid, Problem
from syncd.ldapwire import dn
from syncd.mapping.outputs_drawing import ON_THE_WAY, Drawing
from syncd.mapping.outputs_keycloak import draw_keycloak
from syncd.mapping.outputs_ldap import draw_ldap
from syncd.model import Key, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from syncd.errors import Place
    from syncd.mapping.compiled import Compiled, Unit
    from syncd.mapping.outputs_drawing import PeopleView
    from syncd.model import Attrs, Desired, Path

KEYCLOAK = "keycloak"
GUARDED_CLIENTS = frozenset({"realm-management", "master-realm", "syncd"})
GUARDED_ROLES = frozenset({"admin", "create-realm"})


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the operator lets a mapping reach (`may`); None is no limit."""

    connections: frozenset[str] | None = None
    realm: str | None = None
    groups: tuple[Path, ...] | None = None
    bases: tuple[str, ...] | None = None
    grants: frozenset[str] | None = None


NO_LIMIT = Reach()


def output_names(compiled: Compiled) -> tuple[str, ...]:
    """The outputs of a mapping: `keycloak`, `ldap`, `ldap:NAME`."""
    return (*((KEYCLOAK,) if compiled.keycloak else ()), *compiled.ldap)


def render(
    compiled: Compiled, output: str, environment: str, people: PeopleView | None, reach: Reach = NO_LIMIT
) -> Desired:
    """What the target of one output should hold; without `people`, containers and roles only.

    Raises `MappingInvalid` where the output cannot be rendered, which `problems` tells beforehand.
    """
    drawing = _draw(compiled, output, environment, people, reach)
    if drawing.problems:
        raise MappingInvalid(set(drawing.problems))
    return drawing.desired()


def problems(compiled: Compiled, environment: str, reach: Reach = NO_LIMIT) -> list[Problem]:
    """Everything wrong with the outputs of a mapping, without asking a server."""
    found: set[Problem] = set()
    for output in output_names(compiled):
        drawing = _draw(compiled, output, environment, None, reach)
        found.update(drawing.problems)
        if output == KEYCLOAK:
            found.update(_beyond_keycloak(compiled, drawing, reach))
        else:
            found.update(_beyond_ldap(compiled, output, reach))
    return sorted(found)


@dataclass(frozen=True, slots=True)
class Claim:
    """A group, entry or role that one output of a mapping manages, and `where` two of them are the same.

    `place` is where the files ask for it, `of_output` where they speak of the output.
    """

    where: tuple[str, str, Key]
    key: Key
    attrs: Attrs
    output: str
    place: Place
    of_output: Place


def claims(compiled: Compiled, environment: str, reach: Reach = NO_LIMIT) -> list[Claim]:
    """Everything that a mapping manages but people and what they hold; it follows from its files alone."""
    drawings = [_draw(compiled, output, environment, None, reach) for output in output_names(compiled)]
    return [
        Claim(
            (*_server(compiled, drawing.output), _comparable(key)),
            key,
            drawing.state[key],
            drawing.output,
            origin.place or drawing.place,
            drawing.place,
        )
        for drawing in drawings
        for key, origin in sorted(drawing.origins.items())
        if key.kind in (Kind.GROUP, Kind.OU, Kind.ROLE, Kind.ORGANIZATION)
    ]


def clashes(mappings: Mapping[str, Iterable[Claim]]) -> list[Problem]:
    """Groups, entries and roles that two mappings would both manage, each naming both places.

    Two outputs of one mapping may lead through the same entries, but not write the same groups, nor
    different values into one entry; of such a pair the first is named.
    """
    taken: dict[tuple[str, str, Key], tuple[str, Claim]] = {}
    found: list[Problem] = []
    twice: dict[tuple[str, str, str], Problem] = {}
    for name, claimed in sorted(mappings.items()):
        for claim in claimed:
            other, earlier = taken.setdefault(claim.where, (name, claim))
            if other != name:
                message = f'{claim.key} is managed by the mapping "{other}" ({earlier.place}) as well'
                hint = "two mappings never manage the same thing: change one of the templates or names"
                found.append(Problem(claim.place, claim.output, message, hint))
            elif earlier.output != claim.output and _differ(earlier, claim):
                twice.setdefault((name, earlier.output, claim.output), _twice(earlier, claim))
    return sorted([*found, *twice.values()])


def _differ(one: Claim, other: Claim) -> bool:
    """Whether two outputs would undo what the other writes: members always, else different values."""
    return other.key.kind is Kind.GROUP or one.attrs != other.attrs


def _twice(one: Claim, other: Claim) -> Problem:
    message = f"{other.key} is written by the output `{_dotted(one.output)}` ({one.of_output}) as well"
    hint = "give one of the two another `base`, or divide roles or units between them by `only`"
    return Problem(other.of_output, _dotted(other.output), message, hint)


def _dotted(output: str) -> str:
    """The output as the file writes it."""
    return output.replace(":", ".")


def _draw(
    compiled: Compiled, output: str, environment: str, people: PeopleView | None, reach: Reach
) -> Drawing:
    drawing = Drawing(compiled, output, environment)
    if output == KEYCLOAK:
        if compiled.keycloak:
            draw_keycloak(drawing, compiled.keycloak, people)
            _leave_out_beyond(drawing, reach)
    else:
        draw_ldap(drawing, compiled.ldap[output], people)
    return drawing


def _leave_out_beyond(drawing: Drawing, reach: Reach) -> None:
    """A group that a path only leads through is somebody else's where it lies above what `may` allows."""
    for key, origin in list(drawing.origins.items()):
        beyond = key.kind is Kind.GROUP and not _allowed(key.place, reach)
        if beyond and origin.anchor[1].startswith(ON_THE_WAY):
            del drawing.state[key], drawing.origins[key]


def _allowed(place: Path, reach: Reach) -> bool:
    return reach.groups is None or any(place[: len(top)] == top for top in reach.groups)


def _beyond_keycloak(compiled: Compiled, drawing: Drawing, reach: Reach) -> Iterator[Problem]:
    output = compiled.keycloak
    if output is None:
        return
    yield from _beyond_connection(compiled, KEYCLOAK, output.connection, reach)
    if reach.realm and output.realm and output.realm != reach.realm:
        yield _beyond(compiled, KEYCLOAK, f'the realm "{output.realm}"', f"`may` allows {reach.realm}")
    client = output.client or compiled.id
    if output.permissions != "none" and client in GUARDED_CLIENTS:
        message = f'roles of the client "{client}" are never syncd\'s to make or give'
        yield Problem(drawing.place, KEYCLOAK, message, "name a client of your own under `client`")
    for key, origin in drawing.origins.items():
        if key.kind is Kind.GROUP and not _allowed(key.place, reach):
            tops = ", ".join("/" + "/".join(top) for top in reach.groups or ())
            message = f"the group /{'/'.join(key.place)} lies beyond what the operator allows"
            yield Problem(origin.place or drawing.place, KEYCLOAK, message, f"`may` allows {tops}")
    for unit in compiled.units.values():
        yield from _beyond_grants(unit, reach)


def _beyond_grants(unit: Unit, reach: Reach) -> Iterator[Problem]:
    """Rights over the realm itself are never grantable; others where `may` lists them."""
    for role, names in unit.grants.items():
        for client, name in names:
            written = f"{client}/{name}" if client else name
            path = f"{unit}.grants.{role}"
            guarded = client in GUARDED_CLIENTS or (not client and name in GUARDED_ROLES)
            if guarded:
                hint = "rights over the realm are given by hand, to people"
                yield Problem(unit.place, path, f'the role "{written}" is never grantable', hint)
            elif reach.grants is not None and written not in reach.grants:
                hint = f"`may` allows {', '.join(sorted(reach.grants)) or 'none'}"
                yield Problem(
                    unit.place, path, f'the role "{written}" lies beyond what the operator allows', hint
                )


def _beyond_ldap(compiled: Compiled, output: str, reach: Reach) -> Iterator[Problem]:
    ldap = compiled.ldap[output]
    yield from _beyond_connection(compiled, output, ldap.connection, reach)
    written = [ldap.base, *([ldap.people_base] if ldap.people_base and ldap.people == "manage" else [])]
    for base in written:
        if reach.bases is None or any(
            dn.same(base, allowed) or dn.is_below(base, allowed) for allowed in reach.bases
        ):
            continue
        yield _beyond(compiled, output, f'the base "{base}"', f"`may` allows {', '.join(reach.bases)}")


def _beyond_connection(
    compiled: Compiled, output: str, connection: str | None, reach: Reach
) -> Iterator[Problem]:
    if connection and reach.connections is not None and connection not in reach.connections:
        allowed = ", ".join(sorted(reach.connections)) or "none"
        yield _beyond(compiled, output, f'the connection "{connection}"', f"`may` allows {allowed}")


def _beyond(compiled: Compiled, output: str, what: str, hint: str) -> Problem:
    message = f"{what} lies beyond what the operator allows"
    return Problem(compiled.output_places[output], _dotted(output), message, hint)


def _server(compiled: Compiled, output: str) -> tuple[str, str]:
    """What tells two servers apart; an unnamed connection is the only one there is."""
    if output == KEYCLOAK:
        keycloak = compiled.keycloak
        return ("keycloak", f"{keycloak.connection or ''} {keycloak.realm or ''}" if keycloak else "")
    return ("ldap", compiled.ldap[output].connection or "")


def _comparable(key: Key) -> Key:
    """The key with its DN in the form in which servers compare them; other keys as they are."""
    if key.kind in (Kind.GROUP, Kind.OU) and "=" in key.place[0]:
        return Key(Kind.OU, (dn.fold_dn(dn.dn_of(key.place)),))
    return key
