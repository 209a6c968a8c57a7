"""What a mapping may say: one class for each part of the format, attribute names equal to its keys.

`x-*` keys are dropped before validation and every other unknown key is refused. A key that Python
reserves has an underscore behind it (`from_`, `if_`, `not_`, `self_`). Child units stand under the
plural of their kind in a file and in `units[kind][name]` here. Where a mapping may hold one thing or
several (`members` as a bare list, one `ldap` output), the one has the key `""`.
The parts of the model that rule acts of people are in `schema_rules`, outputs in `schema_outputs`.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from syncd.mapping.schema_outputs import KeycloakOutput, KeycloakSetting, LdapOutput, LdapSetting, Only
from syncd.mapping.schema_rules import (
    AdministrationRow,
    AttachesTo,
    Cardinality,
    Channel,
    Channels,
    Constraint,
    Export,
    Invitations,
    Joining,
    Model,
    Removal,
    RoleModel,
    Settings,
    Transfer,
    Unknown,
    Variant,
)
from syncd.mapping.values import Day, Flag, Number, Percent, Span, Text, TextList, Title, refuse

__all__ = [
    "AdministrationRow",
    "AttachesTo",
    "Cardinality",
    "Channel",
    "Channels",
    "Condition",
    "Constraint",
    "DirectoryMember",
    "Export",
    "Invitations",
    "Joining",
    "KeycloakOutput",
    "KindModel",
    "LdapOutput",
    "MappingDocument",
    "MemberEntry",
    "Only",
    "PersonMember",
    "PersonModel",
    "Policy",
    "Removal",
    "RoleModel",
    "RosterMember",
    "RosterModel",
    "Settings",
    "Transfer",
    "UnitMember",
    "UnitModel",
    "Unknown",
    "Variant",
]


class PersonMember(Model):
    """One person holds the role; `person` is an address, a key of `people` or a username."""

    person: Text
    from_: Day | None = Field(default=None, alias="from")
    until: Day | None = None
    reason: Text = ""
    initial: Flag = False


class Condition(Model):
    """What a column must hold: one of `values`, or none of `not_`."""

    values: TextList = ()
    not_: TextList = Field(default=(), alias="not")

    @property
    def wanted(self) -> tuple[str, ...]:
        """Every value that the condition names."""
        return self.values or self.not_


def _condition(value: Any) -> Any:
    if isinstance(value, Condition):
        return value
    if isinstance(value, dict):
        if set(value) != {"not"}:
            raise refuse("expected a value, a list of values or {not: […]}")
        return value
    return {"values": value}


Where: TypeAlias = Annotated[
    Annotated[Literal["all"], Tag("§all")]
    | Annotated[
        dict[
            str,
            Annotated[
                Condition,
                BeforeValidator(_condition),
                WithJsonSchema({"type": ["string", "number", "boolean", "array", "object"]}),
            ],
        ],
        Tag("§where"),
    ],
    Discriminator(lambda value: "§all" if isinstance(value, str) else "§where"),
    BeforeValidator(lambda value: {} if value is None else value),
]


class UntilColumn(Model):
    """The column of a roster that holds the last day of each row's membership."""

    column: Text


class RosterMember(Model):
    """The rows of a roster that `where` selects; without one nobody, `all` is everybody."""

    roster: Text
    where: Where = Field(default_factory=dict)
    except_: TextList = Field(default=(), alias="except")
    until: UntilColumn | None = None


class UnitMember(Model):
    """The holders of `role`, or of one inheriting it, in the unit `members_of` (`..` is the unit above)."""

    members_of: Text
    role: Text
    below: Flag = False
    except_: TextList = Field(default=(), alias="except")


class DirectoryGroup(Model):
    """A group in an LDAP directory, with the groups in it unless `nested` is false."""

    connection: Text
    dn: Text
    nested: Flag = True


class DirectoryMember(Model):
    """The members of a directory group."""

    ldap_group: DirectoryGroup


SOURCES_OF_MEMBERS = ("person", "roster", "members_of", "ldap_group")


def _entry_source(value: Any) -> str | None:
    if isinstance(value, str):
        return "§person"
    if isinstance(value, dict):
        named = [source for source in SOURCES_OF_MEMBERS if source in value]
        return f"§{named[0]}" if len(named) == 1 else None
    for model, source in zip(_ENTRY_MODELS, SOURCES_OF_MEMBERS, strict=True):
        if isinstance(value, model):
            return f"§{source}"
    return None


def _person_entry(value: Any) -> Any:
    return {"person": value} if isinstance(value, str) else value


MemberEntry: TypeAlias = Annotated[
    Annotated[PersonMember, BeforeValidator(_person_entry), Tag("§person")]
    | Annotated[RosterMember, Tag("§roster")]
    | Annotated[UnitMember, Tag("§members_of")]
    | Annotated[DirectoryMember, Tag("§ldap_group")],
    Discriminator(
        _entry_source,
        custom_error_type="syncd_entry",
        custom_error_message="expected a text, or one of person, roster, members_of, ldap_group",
    ),
]
_ENTRY_MODELS = (PersonMember, RosterMember, UnitMember, DirectoryMember)

MembersByRole: TypeAlias = dict[str, tuple[MemberEntry, ...]]


def _members(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return {"": value}
    if isinstance(value, dict) or value == "unmanaged":
        return value
    raise refuse("expected {ROLE: […]}, a list, or unmanaged", "write [] where nobody is a member by files")


Members: TypeAlias = Annotated[
    Annotated[Literal["unmanaged"], Tag("§unmanaged")] | Annotated[MembersByRole, Tag("§roles")],
    Discriminator(lambda value: "§unmanaged" if isinstance(value, str) else "§roles"),
    BeforeValidator(_members),
]


class KindModel(Model):
    """A kind of unit. No `within`: a root; `plural` is the key of its units, the kind + `s` by default."""

    within: TextList = ()
    plural: Text | None = None
    title: Title = Field(default_factory=dict)
    formerly: TextList = ()
    asks: TextList = ()
    states: TextList = ("active", "archived")
    access: TextList = ("public", "private")
    deletable: Flag = True
    attaches_to: AttachesTo | None = None
    members: MembersByRole = Field(default_factory=dict)


class PerDay(Model):
    """The limit on removals over a rolling day."""

    per_day: Percent | None = None
    at_least: Number | None = None
    at_most: Number | None = None


class PerRun(Model):
    """The limit on people who get one role in one run."""

    per_run: Percent | None = None
    at_least: Number | None = None


class Mails(Model):
    """The limit on mails a day."""

    per_day: Number | None = None


class Schedule(Model):
    """When a mapping is reconciled."""

    cron: Text
    timezone: Text | None = None


class Policy(Model):
    """Safety choices; what is not mentioned is decided by the level above."""

    adopt: Literal["ask", "yes", "never"] | None = None
    unlisted: Literal["report", "keep", "remove"] | None = None
    drift: Literal["revert", "report", "adopt"] | None = None
    additive: Flag | None = None
    removals: PerDay | None = None
    grants: PerRun | None = None
    privileged_per_run: Number | None = None
    admins_min: Number | None = None
    mails: Mails | None = None
    protected: TextList = ()
    source_shrink: Percent | None = None
    delete_units: Literal["detach", "empty", "delete"] | None = None
    schedule: Schedule | None = None
    mode: Literal["enforce", "simulate", "paused"] | None = None
    split: Literal["never", "root_unit"] | None = None


DEFAULT_POLICY = Policy(
    adopt="ask",
    unlisted="report",
    drift="revert",
    additive=False,
    removals=PerDay(per_day=10, at_least=3, at_most=200),
    grants=PerRun(per_run=25, at_least=10),
    privileged_per_run=1,
    admins_min=1,
    mails=Mails(per_day=50),
    source_shrink=10,
    delete_units="empty",
    mode="enforce",
    split="never",
)


class PersonModel(Model):
    """A person as the files describe one; an address as key is the address."""

    email: Text | None = None
    username: Text | None = None
    given_name: Text | None = None
    family_name: Text | None = None
    locale: Text | None = None
    attributes: dict[str, TextList] = Field(default_factory=dict)
    formerly: TextList = ()
    state: Literal["active", "disabled"] = "active"
    until: Day | None = None


class CsvSource(Model):
    """A CSV file in a directory that the operator names under `sources`."""

    source: Text
    file: Text


class LdapSource(Model):
    """A search in a directory; `columns` then name LDAP attributes."""

    connection: Text
    base: Text
    filter: Text


class HttpSource(Model):
    """A list of people behind an HTTP address."""

    connection: Text
    path: Text


class Authoritative(Model):
    """What happens to the account of a person who is gone from the roster, and after how long."""

    gone: Literal["disable"]
    after: Span


def _csv_source(value: Any) -> Any:
    return {"source": "", "file": value} if isinstance(value, str) else value


class RosterModel(Model):
    """A list of people kept elsewhere: a CSV file (`source` is "" beside the mapping), LDAP or HTTP."""

    csv: (
        Annotated[CsvSource, BeforeValidator(_csv_source), WithJsonSchema({"type": ["string", "object"]})]
        | None
    ) = None
    ldap: LdapSource | None = None
    http: HttpSource | None = None
    delimiter: Text = ","
    encoding: Text = "utf-8"
    date_format: Text = "%Y-%m-%d"
    columns: dict[str, Text] = Field(default_factory=dict)
    key: Text | None = None
    unknown: Unknown | None = None
    authoritative: Authoritative | None = None


class UnitModel(Model):
    """An organization, team, …; the units below it stand under the plural of their kind."""

    title: Title = Field(default_factory=dict)
    description: Text = ""
    id: Text | None = None
    formerly: TextList = ()
    attributes: dict[str, TextList] = Field(default_factory=dict)
    settings: Settings | None = None
    state: Text | None = None
    access: Text | None = None
    attached_to: TextList = ()
    members: Members = Field(default_factory=dict)
    grants: dict[str, TextList] = Field(default_factory=dict)
    policy: Policy | None = None
    units: "dict[str, dict[str, UnitModel]]" = Field(default_factory=dict)


def default_kinds() -> dict[str, KindModel]:
    """The kinds of a mapping that declares none."""
    return {"organization": KindModel(), "team": KindModel(within=("organization", "team"))}


def default_roles() -> dict[str, RoleModel]:
    """The roles of a mapping that declares none."""
    return {"member": RoleModel(), "admin": RoleModel(inherits=("member",))}


class MappingDocument(Model):
    """A whole mapping: model, outputs and merged data."""

    syncd: Literal[1]
    mapping: Text = ""
    formerly: TextList = ()
    kinds: dict[str, KindModel] = Field(default_factory=default_kinds)
    roles: dict[str, RoleModel] = Field(default_factory=default_roles)
    constraints: tuple[Constraint, ...] = ()
    administration: tuple[AdministrationRow, ...] = ()
    change_states: tuple[Literal["pending", "active", "disabled"], ...] = ("pending", "active")
    invitations: Invitations = Field(default_factory=Invitations)
    joining: Joining | None = None
    removal: Removal = Field(default_factory=Removal)
    transfer: Transfer | None = None
    export: Export | None = None
    settings: Settings = Field(default_factory=Settings)
    variants: tuple[Variant, ...] = ()
    people: dict[str, PersonModel] = Field(default_factory=dict)
    rosters: dict[str, RosterModel] = Field(default_factory=dict)
    keycloak: KeycloakSetting = None
    ldap: LdapSetting = None
    policy: Policy = Field(default_factory=Policy)
    units: dict[str, dict[str, UnitModel]] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _plurals(cls, data: Any) -> Any:
        return gather_document(data) if isinstance(data, dict) and "units" not in data else data

    def walk(self) -> Iterator[tuple[tuple[str, ...], str, UnitModel]]:
        """Every unit, above before below, as (path of names, kind, unit)."""
        yield from _walk((), self.units)

    def plural(self, kind: str) -> str:
        """The key under which units of `kind` stand."""
        return self.kinds[kind].plural or f"{kind}s"


def _walk(
    path: tuple[str, ...], units: dict[str, dict[str, UnitModel]]
) -> Iterator[tuple[tuple[str, ...], str, UnitModel]]:
    for kind, named in units.items():
        for name, unit in named.items():
            yield (*path, name), kind, unit
            yield from _walk((*path, name), unit.units)


def plurals_of(kinds: Any) -> dict[str, str]:
    """The kind behind each plural, from `kinds` as a file writes it; the small model where it is absent."""
    if not isinstance(kinds, dict):
        return {"organizations": "organization", "teams": "team"}
    plurals = {}
    for kind, model in kinds.items():
        given = model.get("plural") if isinstance(model, dict) else None
        plurals[given if isinstance(given, str) else f"{kind}s"] = str(kind)
    return plurals


def gather_document(data: dict[str, Any]) -> dict[str, Any]:
    """The document with the units from under their plurals moved to `units`, at every depth."""
    plurals = plurals_of(data.get("kinds"))
    kept = {key: value for key, value in data.items() if key not in plurals}
    return {**kept, "units": _gather(data, plurals)}


def _gather(holder: dict[str, Any], plurals: dict[str, str]) -> dict[str, Any]:
    units: dict[str, Any] = {}
    for key, named in holder.items():
        kind = plurals.get(key)
        if kind is None:
            continue
        if isinstance(named, dict):
            units[kind] = {name: _gathered_unit(unit, plurals) for name, unit in named.items()}
        else:
            units[kind] = {} if named is None else named
    return units


def _gathered_unit(unit: Any, plurals: dict[str, str]) -> Any:
    if unit is None:
        return {}
    if not isinstance(unit, dict):
        return unit
    gathered = {key: value for key, value in unit.items() if key not in plurals}
    units = _gather(unit, plurals)
    return {**gathered, "units": units} if units else gathered
