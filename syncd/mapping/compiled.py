"""What a mapping means once it is read, merged and checked: units, roles, assignments, people.

Everything here is in mapping places (unit paths), knows its line, and names people as the file does.
`compile` makes it, `outputs` renders it into keys of a target.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncd.model import DECLARED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date, datetime

    from syncd.errors import Place, Problem
    from syncd.mapping.schema import Constraint, KeycloakOutput, LdapOutput, MappingDocument, Policy
    from syncd.model import Path


@dataclass(frozen=True, slots=True)
class Role:
    """A role of the model; `closure` is itself and all it inherits, `permissions` the effective ones."""

    name: str
    scope: frozenset[str]
    closure: frozenset[str]
    inherits: tuple[str, ...]
    permissions: frozenset[str]
    privileged: bool
    minimum: int
    maximum: int | None
    assignable: bool
    title: Mapping[str, str]
    place: Place | None = None
    formerly: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """The part after the slash, which files may use where it is unambiguous."""
        return self.name.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Unit:
    """An organization, team, …: `uid` is the declared id or `/path`, `former` the uids it had before.

    `grants` are existing roles (client id or "", role name) given to the holders of a role here.
    `unmanaged` are the roles whose members are nobody's business (`members: unmanaged`). `lent` are the
    roles of units attached to this one: their holders are shown here too, without permissions.
    """

    path: Path
    kind: str
    uid: str
    former: tuple[str, ...]
    title: Mapping[str, str]
    description: str
    attributes: Mapping[str, tuple[str, ...]]
    state: str
    access: str
    attached_to: tuple[Path, ...]
    roles: tuple[str, ...]
    grants: Mapping[str, tuple[tuple[str, str], ...]]
    unmanaged: frozenset[str]
    policy: Policy
    place: Place
    lent: tuple[str, ...] = ()
    ident: str = ""  # the declared `id`, for templates

    @property
    def name(self) -> str:
        """The key of the unit in the file."""
        return self.path[-1]

    def __str__(self) -> str:
        return "/" + "/".join(self.path)


@dataclass(frozen=True, slots=True)
class Assignment:
    """Person holds role in unit, as one line, roster row, rule or act says it.

    `who` is the key in `Compiled.people` of whoever is meant, `text` how the line or row writes it (an
    address folded); `unknown` what to do when Keycloak does not know the person: wait, create or invite.
    `waits` is the id of the invitation that has to be accepted first, `since` the entry date of an act.
    """

    unit: Path
    role: str
    who: str
    place: Place
    source: str = "file"
    rule: str = ""
    until: date | None = None
    reason: str = ""
    initial: bool = False
    unknown: str = "wait"
    text: str = ""
    lent: bool = False  # shown in a unit that the holder's own unit is attached to
    waits: str = ""
    since: datetime | None = None
    suspended: str = ""  # why it is not given now although it is held: guests are turned off

    @property
    def by_act(self) -> bool:
        """Whether it goes back to an act, also where a `members_of` line of a file takes the holder over."""
        return self.source not in DECLARED


@dataclass(frozen=True, slots=True)
class PersonEntry:
    """What files and rosters say of a person; `ref` is the key of `people` or the address."""

    ref: str
    email: str = ""
    username: str = ""
    given_name: str = ""
    family_name: str = ""
    locale: str = ""
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    formerly: tuple[str, ...] = ()
    state: str = "active"
    source: str = "file"
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class RootModel:
    """The model as the variants leave it for one root unit, whose settings may differ from the others'."""

    document: MappingDocument
    roles: Mapping[str, Role]
    constraints: tuple[Constraint, ...]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A complete and valid mapping on one day. Same files in any order give an equal value.

    `document`, `roles` and `constraints` are those of the mapping's own settings; `models` has them by
    root unit. `refs` leads from every text that names a person to the person's key in `people`. LDAP
    outputs have the names that plans use: `ldap`, `ldap:NAME`.
    `frozen` are (role, unit uid) whose removals wait for a healthy source, with the reason.
    `upcoming` are assignments that begin or end within the next seven days (for the plan's footer).
    """

    id: str
    formerly: tuple[str, ...]
    document: MappingDocument
    units: Mapping[Path, Unit]
    roles: Mapping[str, Role]
    assignments: tuple[Assignment, ...]
    people: Mapping[str, PersonEntry]
    constraints: tuple[Constraint, ...]
    keycloak: KeycloakOutput | None
    ldap: Mapping[str, LdapOutput]
    policy: Policy
    frozen: Mapping[tuple[str, str], str]
    upcoming: tuple[tuple[date, Assignment], ...]
    warnings: tuple[Problem, ...]
    digest: str
    models: Mapping[str, RootModel] = field(default_factory=dict)
    refs: Mapping[str, str] = field(default_factory=dict)
    output_places: Mapping[str, Place] = field(default_factory=dict)  # "keycloak", "ldap" or "ldap:NAME"

    @property
    def model(self) -> RootModel:
        """The model as the mapping's own settings leave it."""
        return RootModel(self.document, self.roles, self.constraints)

    @property
    def given(self) -> Iterator[Assignment]:
        """The assignments that targets should show: all but those suspended."""
        return (one for one in self.assignments if not one.suspended)

    def role(self, unit: Path, name: str) -> Role:
        """The role as the variants leave it where `unit` lies."""
        model = self.models.get(unit[0]) if unit else None
        return (model.roles if model else self.roles)[name]
