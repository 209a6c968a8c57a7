"""PURE: what one output should hold while it is being drawn, with the reason for every fact.

Each container is drawn under an anchor, what stays the same when names and templates change. Two
anchors at one place are a clash, told with both places of the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from syncd.errors import Problem
from syncd.mapping.template import MissingValue, parse
from syncd.mapping.unit_values import role_values, unit_values
from syncd.model import Desired, Key, Kind, Origin

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncd.errors import Place
    from syncd.mapping.compiled import Assignment, Compiled, Role, Unit
    from syncd.mapping.template import Values
    from syncd.model import Account, Attrs, Path

ON_THE_WAY = "container:"
"""Slot of a container that no unit or role asked for, but a path leads through it."""


class PeopleView(Protocol):
    """Who is who, as resolved for this run."""

    def id_of(self, text: str) -> str | None:
        """The person whom the text names; None where nobody known is meant."""

    def held(self, text: str) -> str:
        """Why the text must wait although somebody might be meant, or an empty text."""

    def account(self, person: str, target: str) -> Account | None:
        """The person's account in a target (`keycloak`, `ldap`, `ldap:NAME`)."""

    def made(self, person: str, target: str) -> bool:
        """Whether syncd made that account, so that its profile is ours to write."""


@dataclass(slots=True)
class Drawing:
    """One output on its way to a `Desired`."""

    compiled: Compiled
    output: str
    environment: str
    state: dict[Key, Attrs] = field(default_factory=dict)
    origins: dict[Key, Origin] = field(default_factory=dict)
    waiting: dict[Key, str] = field(default_factory=dict)
    unmanaged: set[Path] = field(default_factory=set)
    only_filled: set[Key] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    _names: dict[str, str] = field(default_factory=dict)

    def named_before(self, name: str, person: str) -> bool:
        """Whether an account or entry of that name is to be made for somebody else already."""
        return self._names.setdefault(name, person) != person

    @property
    def place(self) -> Place:
        """Where the output itself is written."""
        return self.compiled.output_places[self.output]

    def refuse(self, place: Place, message: str, hint: str = "") -> None:
        """Note a problem of this output."""
        self.problems.append(Problem(place, self.output.replace(":", "."), message, hint))

    def values(self, unit: Unit, role: Role | None = None) -> dict[str, str | tuple[str, ...]]:
        """The placeholders of one unit and, where given, one role."""
        values = unit_values(unit, self.compiled.id, self.compiled.document.settings.language)
        return {**values, **(role_values(role) if role else {}), "environment": self.environment}

    def render(
        self, template: str, values: Values, place: Place, escape: Callable[[str], str] = str
    ) -> str | None:
        """The template filled; a value that is missing is a problem at `place`."""
        try:
            return parse(template).render(values, escape)
        except MissingValue as missing:
            self.refuse(
                place, f'"{template}" needs {{{missing.name}}}, which has no value here', "give it one"
            )
        return None

    def optional(self, templates: Attrs | dict[str, str], values: Values) -> dict[str, tuple[str, ...]]:
        """Attributes from templates; one that lacks a value is left out."""
        attrs: dict[str, tuple[str, ...]] = {}
        for name, template in sorted(templates.items()):
            try:
                attrs[name] = parse(str(template)).render_each(values)
            except MissingValue:
                continue
        return attrs

    def add(self, key: Key, attrs: Attrs, origin: Origin) -> None:
        """Draw a fact; a container already drawn under another anchor is a clash of names."""
        before = self.origins.get(key)
        if (
            before is not None
            and before.anchor != origin.anchor
            and key.kind not in (Kind.MEMBER, Kind.GRANT)
        ):
            self.clash(before, origin, str(key))
            return
        self.state.setdefault(key, attrs)
        self.origins.setdefault(key, origin)

    def clash(self, one: Origin, other: Origin, name: str) -> None:
        """Two things that render to one name."""
        message = f"{name} is rendered from {_named(one)} ({one.place}) and from {_named(other)}"
        self.refuse(other.place or self.place, message, "rename one of them, or change the template")

    def on_the_way(self, kind: Kind, place: Path, attrs: Attrs) -> None:
        """Draw a container that others lie in, unless something else is drawn there."""
        key = Key(kind, place)
        if not any(Key(each, place) in self.state for each in (Kind.OU, Kind.GROUP)):
            self.state[key] = attrs
            self.origins[key] = Origin(("", ON_THE_WAY + "/".join(place)), place=self.place, rule="parent")

    def unit_origin(self, unit: Unit) -> Origin:
        """Why a unit's container is there; its rule is the kind, for units that may not go."""
        return Origin((unit.uid, "unit"), unit.former, place=unit.place, rule=unit.kind, unit=str(unit))

    def role_origin(self, unit: Unit, role: Role, slot: str = "role") -> Origin:
        """Why the container of a role in a unit is there; `slot` is `attached` where it is only shown."""
        former_slots = tuple(f"{slot}:{old}" for old in role.formerly)
        return Origin(
            anchor=(unit.uid, f"{slot}:{role.name}"),
            former=unit.former,
            former_slots=former_slots,
            place=unit.place,
            unit=str(unit),
            role=role.name,
        )

    def member_origin(self, group: Origin, each: Assignment, person: str, *, privileged: bool) -> Origin:
        """Why a person is in a group: the line, row or rule that says so."""
        return Origin(
            anchor=group.anchor,
            former=group.former,
            former_slots=group.former_slots,
            source=each.source,
            place=each.place,
            rule=each.rule or each.reason,
            unit=group.unit,
            role=each.role,
            person=person,
            privileged=privileged,
            until=each.until.isoformat() if each.until else "",
            initial=each.initial,
        )

    def desired(self) -> Desired:
        """What was drawn."""
        return Desired(
            state=self.state,
            origins=self.origins,
            waiting=self.waiting,
            frozen=self.compiled.frozen,
            unmanaged=frozenset(self.unmanaged),
            only_filled=frozenset(self.only_filled),
        )


def _named(origin: Origin) -> str:
    uid, slot = origin.anchor
    if slot == "unit":
        return f"the unit {origin.unit or uid}"
    if slot.startswith(ON_THE_WAY):
        return "the template"
    named = slot.replace(":", " ", 1)
    return f"{named} of {origin.unit}" if origin.unit else named
