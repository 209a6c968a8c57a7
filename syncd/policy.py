"""PURE: whether the memberships of a mapping, taken together, are allowed (INCITS 359, static constraints).

The same check runs twice: over texts when files are compiled, and over persons once it is known who
is who, because two texts may be one person. Constraints look at what is, never at what changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from syncd.errors import Place, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from syncd.mapping.compiled import Role, Unit
    from syncd.mapping.schema import Constraint
    from syncd.model import Path


@dataclass(frozen=True, slots=True)
class Holding:
    """One person directly holds one role in one unit; `person` is who it is, `who` how the file says it."""

    person: str
    who: str
    role: str
    unit: Path
    place: Place

    def __str__(self) -> str:
        return f'"{self.role}" in {_path(self.unit)} ({self.place})'


@dataclass(slots=True)
class _World:
    """All holdings by unit, in order of their place."""

    roles: Mapping[str, Role]
    units: Mapping[Path, Unit]
    unsure: frozenset[tuple[str, str]]
    in_unit: Mapping[Path, list[Holding]]

    def by_person(self) -> Mapping[str, list[Holding]]:
        """All holdings of each person, in order of their place."""
        return _by_person(sorted(chain.from_iterable(self.in_unit.values()), key=_order))


def check(
    constraints: Sequence[Constraint],
    roles: Mapping[str, Role],
    units: Mapping[Path, Unit],
    holdings: Iterable[Holding],
    unsure: frozenset[tuple[str, str]] = frozenset(),
) -> list[Problem]:
    """Every breach of a constraint or a cardinality, each naming both memberships and their lines.

    `holdings` are the direct ones, waiting people included, without groups lent by `attached_to`. Of
    the (role, unit id) in `unsure` not all holders are known, so that nobody is said to be missing there.
    """
    world = _world(roles, units, holdings, unsure)
    problems = list(_cardinality(world))
    for constraint in constraints:
        if constraint.exclusive is not None:
            problems += _exclusive(world, constraint)
        if constraint.separation is not None:
            problems += _separation(world, constraint)
        if constraint.prerequisite is not None:
            problems += _prerequisite(world, constraint.prerequisite)
    return sorted(set(problems))


def _world(
    roles: Mapping[str, Role],
    units: Mapping[Path, Unit],
    holdings: Iterable[Holding],
    unsure: frozenset[tuple[str, str]],
) -> _World:
    in_unit: dict[Path, list[Holding]] = {unit: [] for unit in units}
    for holding in sorted(holdings, key=_order):
        in_unit[holding.unit].append(holding)
    return _World(roles, units, unsure, in_unit)


def _by_person(holdings: Iterable[Holding]) -> dict[str, list[Holding]]:
    found: dict[str, list[Holding]] = {}
    for holding in holdings:
        found.setdefault(holding.person, []).append(holding)
    return found


def _order(held: Holding) -> tuple[str, int, int, Path, str, str]:
    """By place, then by what is held and who holds it; in plain values, which compare quickest."""
    place = held.place
    return place.file, place.line, place.column, held.unit, held.role, held.who


def _exclusive(world: _World, constraint: Constraint) -> Iterator[Problem]:
    """At most one of the roles is held directly in a unit."""
    for path, unit in world.units.items():
        if constraint.per not in ("unit", unit.kind):
            continue
        named = unit.roles if constraint.exclusive == "all" else constraint.exclusive or ()
        for ours in _by_person(each for each in world.in_unit[path] if each.role in named).values():
            for holding in ours[1:]:
                if holding.role != ours[0].role:
                    yield _both(
                        holding,
                        ours[0],
                        f'"{holding.role}" and "{ours[0].role}" exclude each other in one {unit.kind}',
                    )


def _separation(world: _World, constraint: Constraint) -> Iterator[Problem]:
    """Of the separated roles, inherited ones counted, one person holds fewer than n in a unit and below.

    Of no kind in particular it is judged at the root units, over which each holds all below.
    """
    separated, limit = frozenset(constraint.separation or ()), constraint.n
    people = world.by_person()
    for path, unit in world.units.items():
        judged = len(path) == 1 if constraint.per == "unit" else unit.kind == constraint.per
        if not judged:
            continue
        for held in people.values():
            inside = [holding for holding in held if holding.unit[: len(path)] == path]
            covered: dict[str, Holding] = {}
            for holding in inside:
                before = len(covered)
                for role in sorted(world.roles[holding.role].closure & separated):
                    covered.setdefault(role, holding)
                if before < limit <= len(covered):
                    names = " and ".join(f'"{role}"' for role in sorted(covered))
                    first = next(iter(covered.values()))
                    yield _both(
                        holding,
                        first,
                        f"{names} must be separate people within the {unit.kind} {_path(path)}",
                    )


def _prerequisite(world: _World, needed: Mapping[str, str]) -> Iterator[Problem]:
    """Who holds the left role holds the right one, or one that inherits it, in the unit or above."""
    for held in world.by_person().values():
        for holding in held:
            wanted = needed.get(holding.role)
            if wanted is None:
                continue
            above = [
                other
                for other in held
                if holding.unit[: len(other.unit)] == other.unit and other is not holding
            ]
            met = any(wanted in world.roles[other.role].closure for other in above)
            if met or _perhaps_held(world, wanted, holding.unit):
                continue
            nearest = max(above, key=lambda other: len(other.unit), default=None)
            has = f"has only {nearest}" if nearest else f"holds nothing in {_path(holding.unit)} or above"
            yield _problem(
                holding,
                f'"{holding.role}" needs "{wanted}" in the unit or above, and {holding.who} {has}',
                f'give {holding.who} "{wanted}", or take "{holding.role}" away',
            )


def _perhaps_held(world: _World, wanted: str, here: Path) -> bool:
    """Whether somebody unknown may hold the role in the unit or above, because a source was not read."""
    uids = {world.units[here[:depth]].uid for depth in range(1, len(here) + 1)}
    return any(uid in uids and wanted in world.roles[role].closure for role, uid in world.unsure)


def _cardinality(world: _World) -> Iterator[Problem]:
    """`max` always; `min` where the unit has members at all, waiting people counted."""
    for path, unit in world.units.items():
        everyone = world.in_unit[path]
        for name in unit.roles:
            role = world.roles[name]
            holders = {holding.person: holding for holding in reversed(everyone) if holding.role == name}
            if role.maximum is not None and len(holders) > role.maximum:
                yield _too_many(list(holders.values()), role.maximum)
            lacking = everyone and len(holders) < role.minimum
            if lacking and name not in unit.unmanaged and (name, unit.uid) not in world.unsure:
                message = f'of its members {len(holders)} hold "{name}", at least {role.minimum} must'
                yield Problem(
                    unit.place, f"{_path(path)}.members.{name}", message, f'name somebody under "{name}"'
                )


def _too_many(holders: Sequence[Holding], maximum: int) -> Problem:
    ordered = sorted(holders, key=lambda holding: (holding.place, holding.who))
    first, last = ordered[0], ordered[-1]
    message = f'{len(holders)} people hold "{last.role}", at most {maximum} may; {last.who} here'
    return _problem(last, message, f"{first.who} holds it by {first.place}; take one of them out")


def _both(here: Holding, there: Holding, rule: str) -> Problem:
    other = f"and {there}" if there is not here else "by inheritance alone"
    return _problem(here, f"{rule}: {here.who} holds {here} {other}", "take one of the two away")


def _problem(holding: Holding, message: str, hint: str) -> Problem:
    return Problem(holding.place, f"{_path(holding.unit)}.members.{holding.role}", message, hint)


def _path(unit: Path) -> str:
    return "/" + "/".join(unit)
