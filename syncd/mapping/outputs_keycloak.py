"""PURE: units as groups, roles as groups in them, memberships, permissions and accounts, for Keycloak.

Keycloak roles know no unit: `global` permissions are therefore refused where a role that has some is
held in two units, and `scoped` ones are an attribute of the role's group. Keycloak stores 255
characters in a name or an attribute value and answers 500 to more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncd.mapping.compile_model import effective
from syncd.mapping.outputs_people import KEYCLOAK, Standing, entry_of, standing, username_of, wait
from syncd.mapping.template import parse
from syncd.mapping.unit_values import in_language
from syncd.model import Key, Kind, Origin

if TYPE_CHECKING:
    from syncd.errors import Place
    from syncd.mapping.compiled import Assignment, Role, RootModel, Unit
    from syncd.mapping.outputs_drawing import Drawing, PeopleView
    from syncd.mapping.schema import KeycloakOutput
    from syncd.mapping.template import Values
    from syncd.model import Path

LONGEST = 255
PERMISSIONS = "attribute:syncd.permissions"
_SLASH = "\x00"  # stands for a slash within a value while a path is cut into its parts
ROLE_NAMES = frozenset({"role", "role_id"})


@dataclass(slots=True)
class _Groups:
    """The group of every unit and of every role in it, as drawn so far."""

    drawing: Drawing
    output: KeycloakOutput
    of_role: dict[tuple[Path, str], Path]

    @property
    def one_for_all(self) -> bool:
        """Whether one group holds all roles of a unit."""
        return not ROLE_NAMES & parse(self.output.group).names

    @property
    def client(self) -> str:
        """The client of global roles."""
        return self.output.client or self.drawing.compiled.id


def draw_keycloak(drawing: Drawing, output: KeycloakOutput, people: PeopleView | None) -> None:
    """Draw everything that Keycloak should hold."""
    groups = _Groups(drawing, output, {})
    for unit in drawing.compiled.units.values():
        _draw_unit(groups, unit)
    _draw_parents(groups)
    _check_nesting(groups)
    if output.permissions == "global":
        _draw_roles(groups)
    if people is not None:
        for each in drawing.compiled.given:
            _draw_member(groups, people, each)


def _draw_unit(groups: _Groups, unit: Unit) -> None:
    drawing, output = groups.drawing, groups.output
    template = output.group if groups.one_for_all else output.unit_group
    values = drawing.values(unit)
    place = _path(drawing, template, values, unit)
    if place is None:
        return
    attrs = {
        f"attribute:{name}": value for name, value in drawing.optional(output.attributes, values).items()
    }
    if title := in_language(unit.title, drawing.compiled.document.settings.language):
        attrs["attribute:title"] = (title,)
    if unit.description:
        attrs["description"] = (unit.description,)
    if unit.access != drawing.compiled.document.kinds[unit.kind].access[0]:
        attrs["attribute:access"] = (unit.access,)
    _check_lengths(drawing, attrs, unit.place)
    drawing.add(Key(Kind.GROUP, place), attrs, drawing.unit_origin(unit))
    if output.organization == unit.kind and len(unit.path) == 1:
        _draw_organization(groups, unit)
    for role in _roles(drawing, unit):
        _draw_role_group(groups, unit, role, place)
    if not groups.one_for_all:
        for name in unit.lent:
            _draw_lent(groups, unit, drawing.compiled.role(unit.path, name))


def _roles(drawing: Drawing, unit: Unit) -> list[Role]:
    return [drawing.compiled.role(unit.path, name) for name in unit.roles]


def _draw_role_group(groups: _Groups, unit: Unit, role: Role, unit_place: Path) -> None:
    drawing, output = groups.drawing, groups.output
    place: Path | None = unit_place
    if not groups.one_for_all:
        place = _path(drawing, output.group, drawing.values(unit, role), unit)
    if place is None:
        return
    groups.of_role[unit.path, role.name] = place
    if role.name in unit.unmanaged:
        drawing.unmanaged.add(place)
    origin = drawing.role_origin(unit, role)
    if not groups.one_for_all:
        attrs = _permissions(drawing, unit, role) if output.permissions == "scoped" else {}
        drawing.add(Key(Kind.GROUP, place), attrs, origin)
    _draw_grants(groups, unit, role, place, origin)


def _draw_lent(groups: _Groups, unit: Unit, role: Role) -> None:
    drawing = groups.drawing
    place = _path(drawing, groups.output.group, drawing.values(unit, role), unit)
    if place is not None:
        drawing.add(Key(Kind.GROUP, place), {}, drawing.role_origin(unit, role, "attached"))


def _permissions(drawing: Drawing, unit: Unit, role: Role) -> dict[str, tuple[str, ...]]:
    """`/path#permission`, split at the last `#` by whoever reads the claim."""
    values = tuple(sorted(f"{unit}#{permission}" for permission in role.permissions))
    attrs = {PERMISSIONS: values} if values else {}
    _check_lengths(drawing, attrs, unit.place)
    return attrs


def _draw_grants(groups: _Groups, unit: Unit, role: Role, place: Path, origin: Origin) -> None:
    """Existing roles given to holders, of inheriting roles too; the roles themselves are not ours."""
    drawing = groups.drawing
    for granted, names in unit.grants.items():
        if granted not in role.closure:
            continue
        if groups.one_for_all:
            hint = "put {role} into `group`, so that only its holders get them"
            drawing.refuse(
                unit.place, f'"{granted}" grants roles, and one group holds all roles of {unit}', hint
            )
            return
        for item in names:
            drawing.add(Key(Kind.GRANT, place, item), {}, origin)


def _draw_organization(groups: _Groups, unit: Unit) -> None:
    drawing = groups.drawing
    alias = drawing.render(groups.output.organization_alias, drawing.values(unit), unit.place)
    if alias is None:
        return
    title = in_language(unit.title, drawing.compiled.document.settings.language)
    attrs = {"name": (title or unit.name,)}
    if unit.description:
        attrs["description"] = (unit.description,)
    origin = drawing.unit_origin(unit)
    key = Key(Kind.ORGANIZATION, (alias,))
    drawing.add(
        key, attrs, Origin((unit.uid, "organization"), origin.former, place=unit.place, unit=str(unit))
    )


def _draw_parents(groups: _Groups) -> None:
    """Groups that a template leads through and nothing declares are containers too."""
    drawing = groups.drawing
    for key in [key for key in drawing.state if key.kind is Kind.GROUP]:
        for depth in range(1, len(key.place)):
            drawing.on_the_way(Kind.GROUP, key.place[:depth], {})


def _check_nesting(groups: _Groups) -> None:
    """A mapper adds the attributes of parent groups, so no role group may lie above another (`scoped`)."""
    if groups.output.permissions != "scoped":
        return
    by_place = {place: slot for slot, place in groups.of_role.items()}
    for place, (path, role) in by_place.items():
        for depth in range(1, len(place)):
            if above := by_place.get(place[:depth]):
                unit = groups.drawing.compiled.units[path]
                message = f'the group of "{role}" lies below that of "{above[1]}" of /{"/".join(above[0])}'
                hint = "its holders would get those permissions too: change `group` or the names"
                groups.drawing.refuse(unit.place, message, hint)


def _draw_roles(groups: _Groups) -> None:
    """Client roles for roles and permissions, composites along `inherits`, mapped on the role groups."""
    drawing, client = groups.drawing, groups.client
    model = _model(drawing)
    _check_global(groups)
    for role in model.roles.values():
        attrs = {"description": (title,)} if (title := in_language(role.title, None)) else {}
        former = tuple(f"role-def:{old}" for old in role.formerly)
        origin = Origin(("", f"role-def:{role.name}"), (), former, place=role.place, role=role.name)
        drawing.add(Key(Kind.ROLE, (client,), (_role_id(role.name),)), attrs, origin)
    for role in model.roles.values():
        _draw_contents(groups, model, role)
    for (path, name), place in groups.of_role.items():
        unit = drawing.compiled.units[path]
        origin = drawing.role_origin(unit, drawing.compiled.role(path, name))
        drawing.add(Key(Kind.GRANT, place, (client, _role_id(name))), {}, origin)


def _draw_contents(groups: _Groups, model: RootModel, role: Role) -> None:
    drawing, client = groups.drawing, groups.client
    own = effective([role.name], model.document.roles)
    for permission in sorted(own):
        origin = Origin(("", f"permission:{permission}"), place=role.place)
        drawing.add(Key(Kind.ROLE, (client,), (permission,)), {}, origin)
    for contained in sorted({*own, *map(_role_id, role.inherits)}):
        anchor = ("", f"composite:{role.name}>{contained}")
        key = Key(Kind.COMPOSITE, (client, _role_id(role.name)), (client, contained))
        drawing.add(key, {}, Origin(anchor, place=role.place, role=role.name))


def _model(drawing: Drawing) -> RootModel:
    """The model of the one root there is; with none or several, that of the mapping's own settings."""
    models = list(drawing.compiled.models.values())
    return models[0] if len(models) == 1 else drawing.compiled.model


def _check_global(groups: _Groups) -> None:
    """A Keycloak role holds everywhere: two units with one such role would share its permissions."""
    drawing = groups.drawing
    seen: dict[str, Unit] = {}
    for unit in drawing.compiled.units.values():
        for role in _roles(drawing, unit):
            first = seen.setdefault(role.name, unit) if role.permissions else unit
            if first is not unit:
                message = (
                    f'"{role.name}" has permissions and is held in {first} ({first.place}) and in {unit}'
                )
                hint = "a Keycloak role cannot tell them apart: say `permissions: scoped`"
                drawing.refuse(unit.place, f"`permissions: global`: {message}", hint)


def _draw_member(groups: _Groups, people: PeopleView, each: Assignment) -> None:
    drawing = groups.drawing
    unit = drawing.compiled.units[each.unit]
    role = drawing.compiled.role(each.unit, each.role)
    place = groups.of_role.get((each.unit, each.role))
    group = drawing.role_origin(unit, role)
    if each.lent:
        place = (
            None
            if groups.one_for_all
            else _path(drawing, groups.output.group, drawing.values(unit, role), unit)
        )
        group = drawing.role_origin(unit, role, "attached")
    if place is None:
        return
    found = standing(drawing, people, each)
    if found.reason:
        wait(
            drawing,
            Kind.MEMBER,
            place,
            found,
            drawing.member_origin(group, each, found.person, privileged=False),
        )
        return
    origin = drawing.member_origin(group, each, found.person, privileged=role.privileged and not each.lent)
    drawing.waiting.pop(Key(Kind.MEMBER, place, (found.person,)), None)
    drawing.add(Key(Kind.MEMBER, place, (found.person,)), {}, origin)
    _draw_account(drawing, people, each, found)
    _draw_org_member(groups, each, origin)


def _draw_org_member(groups: _Groups, each: Assignment, origin: Origin) -> None:
    """Whoever holds a role in an organization or below joins it."""
    drawing = groups.drawing
    root = drawing.compiled.units[each.unit[:1]]
    if groups.output.organization != root.kind:
        return
    alias = drawing.render(groups.output.organization_alias, drawing.values(root), root.place)
    if alias is not None:
        anchored = Origin(
            (root.uid, "organization"), root.former, person=origin.person, place=each.place, unit=str(root)
        )
        drawing.add(Key(Kind.ORG_MEMBER, (alias,), (origin.person,)), {}, anchored)


def _draw_account(drawing: Drawing, people: PeopleView, each: Assignment, found: Standing) -> None:
    """The account of somebody whom Keycloak does not know, or whose account syncd made."""
    made = people.made(found.person, KEYCLOAK)
    key, entry = Key(Kind.PERSON, (), (found.person,)), entry_of(drawing, each.who)
    if not (found.creates or made):
        if entry.state == "disabled" and people.account(found.person, KEYCLOAK):
            drawing.waiting[key] = (
                "`state: disabled` reaches only accounts that syncd made; disable this one in Keycloak"
            )
            drawing.origins.setdefault(key, Origin(person=found.person, place=entry.place))
        return
    attrs = {
        "username": username_of(entry),
        "email": entry.email,
        "given_name": entry.given_name,
        "family_name": entry.family_name,
        "locale": entry.locale,
        "enabled": "false" if entry.state == "disabled" else "true",
    }
    given: dict[str, tuple[str, ...]] = {name: (value,) for name, value in attrs.items() if value}
    given |= {f"attribute:{name}": values for name, values in entry.attributes.items()}
    origin = Origin(
        ("", f"person:{found.person}"),
        person=found.person,
        place=entry.place or each.place,
        source=entry.source,
    )
    drawing.add(key, given, origin)


def _path(drawing: Drawing, template: str, values: Values, unit: Unit) -> Path | None:
    """The group path that a template renders to, as names from the top."""
    text = drawing.render(template, values, unit.place, lambda value: value.replace("/", _SLASH))
    if text is None:
        return None
    parts = tuple(part.replace(_SLASH, "/") for part in text.split("/") if part)
    for part in parts:
        if len(part) > LONGEST:
            drawing.refuse(
                unit.place, f'the group name "{part[:40]}…" has {len(part)} characters', "Keycloak stores 255"
            )
    if not parts:
        drawing.refuse(
            drawing.place, f'"{template}" renders to no group', "it begins with a slash and a name"
        )
    return parts or None


def _check_lengths(drawing: Drawing, attrs: dict[str, tuple[str, ...]], place: Place) -> None:
    for name, values in attrs.items():
        for text in (name.removeprefix("attribute:"), *values):
            if len(text) > LONGEST:
                shown = name.removeprefix("attribute:")
                drawing.refuse(
                    place, f'"{shown}" is {len(text)} characters long ("{text[:40]}…")', "Keycloak stores 255"
                )


def _role_id(name: str) -> str:
    """The name of a client role; a slash would not survive Keycloak's addresses."""
    return name.replace("/", ".")
