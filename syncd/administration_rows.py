"""Which row of administration allows an act; of a refused one, which comes closest and what it lacks. Pure.

A row is tried step by step: what may be done, to which roles, by whom and where, whether on oneself,
under which conditions. The row that gets furthest is the one the message names.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from syncd.administration_settings import setting
from syncd.administration_words import (
    GIVING,
    OF_ACCOUNTS,
    is_within,
    path,
    quoted,
    subject_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from syncd.administration_words import Act, Actor, Case, Decision, World
    from syncd.mapping.compiled import Role
    from syncd.mapping.schema_rules import AdministrationRow, If
    from syncd.model import Path

FOLLOWS = {"enable": "disable", "resend": "invite", "cancel": "invite"}
NO_ROW = "no row of administration allows it"
AT_SOURCE = {
    "ldap": "change it in the directory; syncd carries a lock over at the next run",
    "idp": "change it at the identity provider",
    "file": "change it in the file that describes the person",
    "local": "change it by an act",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A row with the full names of its roles; `keys` is where it stands."""

    by: str
    may: frozenset[str]
    target: tuple[str, ...]
    from_: tuple[str, ...]
    to: tuple[str, ...]
    scope: str
    conditions: If | None
    on_oneself: bool
    keys: tuple[str | int, ...]

    @property
    def text(self) -> str:
        """How messages call the row."""
        return f'{self.keys[0]}: by "{self.by}"'


@dataclass(frozen=True, slots=True)
class Miss:
    """How far a row got with an act, and what then was missing."""

    steps: int
    cause: str
    hint: str


def allowing(case: Case) -> Row | Decision:
    """The first row that allows the act, or the refusal that names the one that comes closest."""
    act, actor, world = case.act, case.actor, case.world
    rows = rows_at(act.unit, world)
    verb = _verb(act, rows)
    missed: list[tuple[Miss, Row]] = []
    for row in rows:
        miss = _miss(row, verb, act, actor, world)
        if miss is None:
            return row
        missed.append((miss, row))
    return _refused(case, max(missed, key=lambda pair: pair[0].steps, default=None))


def rows_at(unit: Path, world: World) -> list[Row]:
    """The rows in force where the unit lies; who approves joining is a row too, unless rows say so."""
    document, roles = world.document(unit), world.roles(unit)
    rows = [_row(row, ("administration", index), roles) for index, row in enumerate(document.administration)]
    joining = document.joining
    if joining is not None and not any(row.may & {"approve", "refuse"} for row in rows):
        by = full_name(joining.approvers, roles)
        target = tuple(sorted(roles[by].closure)) if by in roles else ()
        may = frozenset({"approve", "refuse"})
        rows.append(Row(by, may, target, (), (), "same", None, False, ("joining", "approvers")))
    return rows


def _row(row: AdministrationRow, keys: tuple[str | int, ...], roles: Mapping[str, Role]) -> Row:
    def named(part: Iterable[str]) -> tuple[str, ...]:
        return tuple(full_name(role, roles) for role in part)

    return Row(
        by=full_name(row.by, roles),
        may=frozenset(row.may),
        target=named(row.target),
        from_=named(row.from_),
        to=named(row.to),
        scope=row.scope,
        conditions=row.if_,
        on_oneself=row.self_,
        keys=keys,
    )


def full_name(text: str, roles: Mapping[str, Role]) -> str:
    """The role that a row names in full or, where that is clear, by its short name."""
    short = [name for name, role in roles.items() if role.short == text]
    return short[0] if text not in roles and len(short) == 1 else text


def names(row: Row, verb: str, role: str) -> bool:
    """Whether the row allows the verb on holders of the role; without targets it decides on any request."""
    if verb in ("approve", "refuse") and (not row.target or not role):
        return verb in row.may
    return verb in row.may and role in row.target


def _verb(act: Act, rows: Iterable[Row]) -> str:
    """Enabling follows the rows of disabling, resending those of inviting, where no row lists it itself."""
    listed = any(names(row, act.verb, act.target.role) for row in rows)
    return act.verb if listed else FOLLOWS.get(act.verb, act.verb)


# --- one row ------------------------------------------------------------------------------------------


def _miss(row: Row, verb: str, act: Act, actor: Actor, world: World) -> Miss | None:
    """What the row lacks to allow the act, or None where it allows it."""
    role = act.target.role
    if verb not in row.may:
        return Miss(0, f"no row lets anybody {act.verb}", _by_files(act))
    if verb == "change":
        from_, to = row.from_ or row.target, row.to or row.target
        if role not in from_:
            return Miss(1, f"the closest row is for holders of {quoted(from_)}", _other_way(act, world))
        if act.to not in to:
            return Miss(2, f'the closest row changes "{role}" to {quoted(to)} only', _other_way(act, world))
    elif not names(row, verb, role):
        cause = f"the closest row is for {quoted(row.target)}" if row.target else "the row names no target"
        return Miss(1, cause, f'no row allows this for "{role}"; an operator can add one')
    return _missing_actor(row, act, actor, world) or _missing_condition(row, act, world)


def _by_files(act: Act) -> str:
    return f"add a row that allows {act.verb}, or make the change in the files of the mapping"


def _other_way(act: Act, world: World) -> str:
    """A way to the new role that is not a change: out, and in again."""
    if apart(act.target.role, act.to, act.unit, world):
        return out_and_in(subject_name(act, world), act.target.role, act.unit, act.to)
    return f'no row changes "{act.target.role}" to "{act.to}"; an operator can add one'


def out_and_in(who: str, held: str, unit: Path, wanted: str) -> str:
    """The hint for roles that one person must never hold together."""
    return f'remove {who} as "{held}" from {path(unit)} first, then invite {who} as "{wanted}"'


def apart(one: str, other: str, unit: Path, world: World) -> bool:
    """Whether a separation of duty keeps two roles apart, inherited ones counted."""
    roles = world.roles(unit)
    if one not in roles or other not in roles:
        return False
    for constraint in world.constraints(unit):
        separated = {full_name(name, roles) for name in constraint.separation or ()}
        first, second = (roles[name].closure & separated for name in (one, other))
        if first and second and len(first | second) >= constraint.n:
            return True
    return False


def _missing_actor(row: Row, act: Act, actor: Actor, world: World) -> Miss | None:
    """Whether the actor holds the role of the row where it counts, and does not act on oneself."""
    tops = _tops(row, act.unit, world)
    if not tops:
        kind = "in the same unit" if row.scope == "same" else f"with `scope: {row.scope}`"
        cause = f'the closest row is for holders of "{row.by}" {kind}, whom {path(act.unit)} cannot have'
        return Miss(3, cause, "name a unit that the row reaches")
    if not any(_reaches(row, top, act.unit, world) for top in _standing(row, act, actor, world)):
        elsewhere = next(
            (held for held in world.of(actor.person) if world.has(actor.person, row.by, held)), None
        )
        where = f", {world.name(actor.person)} has {elsewhere}" if elsewhere else ""
        asks = f'the closest row asks for "{row.by}" in {" or ".join(map(path, tops))}{where}'
        return Miss(5 if elsewhere else 4, asks, _who_can(row, act, world))
    if actor.person and actor.person == act.target.person and not row.on_oneself:
        return Miss(6, "nobody does this to oneself", _who_can(row, act, world, but=actor.person))
    return None


def _standing(row: Row, act: Act, actor: Actor, world: World) -> Iterator[Path]:
    """Units in which the actor holds the role of the row; an operator, wherever anybody could."""
    if actor.operator:
        yield from _possible(row, act.unit, world)
    for held in world.of(actor.person) if actor.person else ():
        if world.has(actor.person, row.by, held):
            yield held.unit


def _possible(row: Row, unit: Path, world: World) -> list[Path]:
    """The unit and those above it in which somebody could hold the role of the row, nearest first."""
    roles = world.roles(unit)
    above = [unit[:depth] for depth in range(len(unit), 0, -1)]
    return [top for top in above if any(row.by in roles[name].closure for name in world.unit(top).roles)]


def _reaches(row: Row, top: Path, unit: Path, world: World) -> bool:
    """Whether a holder in `top` reaches the unit: the same, any below, or of the named kind."""
    if row.scope == "same":
        return unit == top
    return is_within(unit, top) and row.scope in ("below", world.unit(unit).kind)


def _tops(row: Row, unit: Path, world: World) -> list[Path]:
    """Where the actor must hold the role of the row, nearest first."""
    return [top for top in _possible(row, unit, world) if _reaches(row, top, unit, world)]


def _who_can(row: Row, act: Act, world: World, but: str = "") -> str:
    """Whom to ask: up to three active holders of the row's role."""
    able = {
        world.name(held.person)
        for top in _tops(row, act.unit, world)
        for held in world.inside(top)
        if world.has(held.person, row.by, held) and held.person not in (but, act.target.person)
    }
    return f"ask {' or '.join(sorted(able)[:3])}" if able else "nobody else can; ask an operator of syncd"


# --- conditions ---------------------------------------------------------------------------------------


def _missing_condition(row: Row, act: Act, world: World) -> Miss | None:
    found = next(_unmet(row, act, world), None)
    return Miss(7, *found) if found else None


def _unmet(row: Row, act: Act, world: World) -> Iterator[tuple[str, str]]:
    """Each condition of the row that is not met, and what to do.

    Accounts are touched only where they are ours, unless the row itself names another authority.
    """
    wanted = row.conditions
    authority = wanted.authority if wanted else None
    if authority is None and act.verb in OF_ACCOUNTS:
        authority = "local"
    if authority is not None and act.target.authority != authority:
        yield (
            f"authority={act.target.authority}, and only accounts with authority={authority} are meant",
            _at_source(act, world),
        )
    if wanted is None:
        return
    if wanted.setting and act.verb in (wanted.for_ or (act.verb,)) and not _is_on(wanted.setting, act, world):
        yield (
            f'the setting "{wanted.setting}" is off in {path(act.unit)}',
            f"turn it on under `settings` of {path(act.unit)} or of a unit above",
        )
    if wanted.domains and _domain(act, world) not in {domain.lower() for domain in wanted.domains}:
        cause = f"the address must be in {' or '.join(wanted.domains)}"
        yield cause, "use such an address, or change the row"
    yield from _until(wanted, act, world)


def _until(wanted: If, act: Act, world: World) -> Iterator[tuple[str, str]]:
    if wanted.until is None or act.verb not in GIVING:
        return
    latest = wanted.until.last_day(world.today)
    if act.until is None or act.until > latest:
        yield f"what is given must end by {latest}", f"give an end, {latest} at the latest"


def _at_source(act: Act, world: World) -> str:
    place = world.account(act.target.person).place
    if act.target.authority == "file" and place:
        return f"the person is described at {place}; change it there"
    return AT_SOURCE[act.target.authority]


def _is_on(name: str, act: Act, world: World) -> bool:
    return setting(world, act.unit, name) is True


def _domain(act: Act, world: World) -> str:
    address = act.target.address or world.account(act.target.person).address
    return address.rpartition("@")[2].lower()


# --- the refusal --------------------------------------------------------------------------------------


def _refused(case: Case, closest: tuple[Miss, Row] | None) -> Decision:
    if closest is None or closest[0].steps == 0:
        return case.refused(f"no row lets anybody {case.act.verb}", _by_files(case.act), NO_ROW)
    miss, row = closest
    return case.refused(miss.cause, miss.hint, row.text, case.world.places(row.keys))


def elsewhere(act: Act, world: World) -> list[Act]:
    """The same act on the account for each other unit in which it matters as much as here.

    An account is one for all units: whoever holds roles of the same tier elsewhere must be within
    reach there too. The tier are the roles given in units of the kinds for which rows allow the verb.
    """
    verbs = {act.verb, FOLLOWS.get(act.verb, act.verb)}
    roles = world.roles(act.unit)
    targets = {role for row in rows_at(act.unit, world) if row.may & verbs for role in row.target}
    kinds = {kind for role in targets & roles.keys() for kind in roles[role].scope}
    return [
        replace(act, unit=held.unit, target=replace(act.target, role=held.role, unit=held.unit))
        for held in world.of(act.target.person)
        if world.unit(held.unit).kind in kinds and (held.unit, held.role) != (act.unit, act.target.role)
    ]


def reached_by(actor: Actor, unit: Path, world: World) -> bool:
    """Whether some row lets the actor do anything in the unit, conditions and targets aside."""
    return any(
        world.has(actor.person, row.by, held) and _reaches(row, held.unit, unit, world)
        for row in rows_at(unit, world)
        for held in world.of(actor.person)
    )
