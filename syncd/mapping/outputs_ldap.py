"""PURE: units as entries, roles as groups, memberships and, where asked, people, for a directory.

Names are escaped by RFC 4514 where a value lands in a DN, and only there. LDAP clients walk no
hierarchy of roles, so by default whoever holds a role is also in the groups of the roles it inherits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncd.ldapwire import dn
from syncd.mapping.outputs_ldap_people import draw_person, person_standing
from syncd.mapping.outputs_ldap_posix import check_name, with_login
from syncd.mapping.outputs_people import wait
from syncd.mapping.template import parse
from syncd.model import Key, Kind, Origin

if TYPE_CHECKING:
    from syncd.errors import Place
    from syncd.mapping.compiled import Assignment, Role, Unit
    from syncd.mapping.outputs_drawing import Drawing, PeopleView
    from syncd.mapping.outputs_people import Standing
    from syncd.mapping.schema import LdapOutput
    from syncd.mapping.template import Values
    from syncd.model import Path

ROLE_NAMES = frozenset({"role", "role_id"})
POSIX = "posixGroup"


@dataclass(slots=True)
class _Directory:
    """The entries drawn so far: the DN of each shown unit, the group of each role in it."""

    drawing: Drawing
    output: LdapOutput
    dn_of: dict[Path, str] = field(default_factory=dict)
    group_of: dict[tuple[Path, str, bool], tuple[Path, Origin]] = field(default_factory=dict)
    seen: dict[Path, Origin] = field(default_factory=dict)
    posix_names: dict[str, Origin] = field(default_factory=dict)

    @property
    def one_for_all(self) -> bool:
        """Whether one group holds all roles of a unit."""
        return not ROLE_NAMES & parse(self.output.group).names


def draw_ldap(drawing: Drawing, output: LdapOutput, people: PeopleView | None) -> None:
    """Draw everything that the directory should hold."""
    directory = _Directory(drawing, output)
    _check_output(directory)
    if drawing.problems:
        return
    for unit in drawing.compiled.units.values():
        if _shows_unit(output, unit):
            _draw_unit(directory, unit)
    _draw_parents(directory)
    if output.nested:
        _draw_nesting(directory)
    if people is not None:
        for each in drawing.compiled.given:
            _draw_memberships(directory, people, each)


def _check_output(directory: _Directory) -> None:
    drawing, output = directory.drawing, directory.output
    for name, base in (("base", output.base), ("people_base", output.people_base or output.base)):
        try:
            dn.parse(base)
        except dn.DnError as error:
            drawing.refuse(drawing.place, f"`{name}`: {error}", "for example ou=acme,dc=example,dc=org")


def _shows_unit(output: LdapOutput, unit: Unit) -> bool:
    only = output.only
    paths = [tuple(path.strip("/").split("/")) for path in only.paths]
    within = not paths or any(unit.path[: len(path)] == path for path in paths)
    return within and (not only.kinds or unit.kind in only.kinds)


def _shows_role(output: LdapOutput, role: Role) -> bool:
    return not output.only.roles or bool({role.name, role.short}.intersection(output.only.roles))


def _draw_unit(directory: _Directory, unit: Unit) -> None:
    drawing, output = directory.drawing, directory.output
    values = {**drawing.values(unit), "base": output.base, "parent": _parent(directory, unit.path)}
    name = drawing.render(output.unit, values, unit.place, dn.escape_rdn_value)
    place = _place(directory, name, unit.place)
    if name is None or place is None:
        return
    directory.dn_of[unit.path] = name
    if len(place) > 1:
        attrs = {**_naming(place), **_lower(drawing.optional(output.unit_attributes, values))}
        _draw_entry(directory, Key(Kind.OU, place), attrs, drawing.unit_origin(unit))
    values["unit"] = name
    shown = [drawing.compiled.role(unit.path, role) for role in unit.roles]
    for role in shown:
        if _shows_role(output, role):
            _draw_group(directory, unit, role, values, lent=False)
    for role in (drawing.compiled.role(unit.path, each) for each in unit.lent):
        if _shows_role(output, role) and not directory.one_for_all:
            _draw_group(directory, unit, role, values, lent=True)


def _parent(directory: _Directory, path: Path) -> str:
    """The DN of the nearest unit above that is shown; of a root, the base."""
    return directory.dn_of.get(_above(directory, path), directory.output.base)


def _above(directory: _Directory, path: Path) -> Path:
    """The nearest unit above that is shown; none is above a root."""
    above = (path[:depth] for depth in range(len(path) - 1, 0, -1))
    return next((each for each in above if each in directory.dn_of), ())


def _draw_group(directory: _Directory, unit: Unit, role: Role, values: Values, *, lent: bool) -> None:
    drawing, output = directory.drawing, directory.output
    origin = drawing.role_origin(unit, role, "attached" if lent else "role")
    if directory.one_for_all:
        origin = Origin((unit.uid, "members"), unit.former, place=unit.place, unit=str(unit))
    filled = {**values, **drawing.values(unit, role)}
    place = _place(
        directory, drawing.render(output.group, filled, unit.place, dn.escape_rdn_value), unit.place
    )
    if place is None:
        return
    if len(place) == 1:
        drawing.refuse(drawing.place, "`group` renders to the base itself", "for example cn={role},{unit}")
        return
    directory.group_of[unit.path, role.name, lent] = (place, origin)
    if output.group_class == POSIX:
        check_name(drawing, directory.posix_names, place, origin)
    if role.name in unit.unmanaged:
        drawing.unmanaged.add(place)
    elif output.empty_group == "delete":
        drawing.only_filled.add(Key(Kind.GROUP, place))
    attrs = {**_naming(place), **_lower(drawing.optional(output.group_attributes, filled))}
    _draw_entry(directory, Key(Kind.GROUP, place), attrs, origin)


def _draw_entry(directory: _Directory, key: Key, attrs: dict[str, tuple[str, ...]], origin: Origin) -> None:
    """Draw an entry unless another one has a name that the server would take for the same."""
    folded = (key.place[0], *map(dn.fold, key.place[1:]))
    other = directory.seen.setdefault(folded, origin)
    if other.anchor != origin.anchor:
        directory.drawing.clash(other, origin, f'"{dn.dn_of(key.place)}"')
        return
    directory.drawing.add(key, attrs, origin)


def _draw_parents(directory: _Directory) -> None:
    """Entries that a template leads through and nothing declares are units of the directory too."""
    drawing = directory.drawing
    for key in [key for key in drawing.state if key.kind in (Kind.OU, Kind.GROUP)]:
        for depth in range(2, len(key.place)):
            place = key.place[:depth]
            if (place[0], *map(dn.fold, place[1:])) in directory.seen:
                continue
            if dn.attributes(place[-1])[0][0].lower() not in ("ou", "o", "l"):
                message = (
                    f'"{dn.dn_of(place)}", in which entries lie, is neither a unit nor rendered from one'
                )
                drawing.refuse(drawing.place, message, "let the template lead through ou=… only")
                continue
            drawing.on_the_way(Kind.OU, place, _naming(place))


def _draw_nesting(directory: _Directory) -> None:
    """The group of a role in a unit as a member of that role's group in the unit above.

    Upwards only, so that no ring can come of it. Who is in the inner group is not repeated in the outer
    one: clients that walk nested groups find them there.
    """
    drawing = directory.drawing
    for (path, role, lent), (inner, origin) in directory.group_of.items():
        outer, group = directory.group_of.get((_above(directory, path), role, False), (inner, origin))
        if lent or outer == inner or outer in drawing.unmanaged:
            continue
        why = Origin(
            group.anchor, group.former, group.former_slots, place=origin.place, rule="nested",
            unit=group.unit, role=role,
        )  # fmt: skip
        drawing.add(Key(Kind.MEMBER, outer, inner), {}, why)


def _draw_memberships(directory: _Directory, people: PeopleView, each: Assignment) -> None:
    """The group of the role and, with `closure`, those of the roles that it inherits."""
    drawing = directory.drawing
    role = drawing.compiled.role(each.unit, each.role)
    names = sorted(role.closure, key=lambda name: (name != role.name, name))
    found = None
    for name in names if directory.output.closure and not each.lent else names[:1]:
        place, group = directory.group_of.get((each.unit, name, each.lent), (None, None))
        if place is None or group is None:
            continue
        found = found or _standing(directory, people, each)
        origin = drawing.member_origin(
            group, each, found.person, privileged=role.privileged and not each.lent
        )
        if found.reason:
            wait(drawing, Kind.MEMBER, place, found, origin)
            continue
        key = Key(Kind.MEMBER, place, (found.person,))
        drawing.waiting.pop(key, None)
        drawing.add(key, {}, origin)
    if found is not None and not found.reason:
        draw_person(drawing, directory.output, people, each, found)


def _standing(directory: _Directory, people: PeopleView, each: Assignment) -> Standing:
    """Whether the person can be in these groups now, or waits and why."""
    drawing, output = directory.drawing, directory.output
    found = person_standing(drawing, output, people, each)
    return with_login(drawing, output, people, each, found) if output.group_class == POSIX else found


def _place(directory: _Directory, name: str | None, where: Place) -> Path | None:
    """The place of a rendered DN; one that is no DN or lies outside the base is a problem at `where`."""
    if name is None:
        return None
    try:
        return dn.place_of(name, directory.output.base)
    except dn.DnError as error:
        directory.drawing.refuse(where, str(error), "nothing outside `base` is written: look at the template")
        return None


def _naming(place: Path) -> dict[str, tuple[str, ...]]:
    """The attributes that name an entry, in their true spelling."""
    return {name.lower(): (str(value),) for name, value in dn.attributes(place[-1])}


def _lower(attrs: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {name.lower(): values for name, values in attrs.items()}
