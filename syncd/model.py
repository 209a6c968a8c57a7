"""The words of everything else: facts, changes, plans, people.

One membership is one fact. A `State` maps a structured `Key` to its attributes, and desired and
observed are the same type. Two kinds of place exist: *unit paths* of the mapping
(`("acme", "platform")`) in everything that speaks of organizations, and *target places* in keys.
The step between them is `syncd.mapping.outputs`, which is pure and offline, so that a clash of names
or a DN outside its base is an error of the file with its line; a target's `shape` only folds what
its server would fold (this differs from the first design, where `shape` rendered the names too).

A target place is a path from the top: group path segments in Keycloak, base DN and then one RDN a
segment in LDAP. Members name the person by the store's random id, or, where nobody in the store is
known by that account, by the target's own id of the account.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from syncd.errors import Place, Problem  # noqa: TC001 - the annotations are part of the words

Path: TypeAlias = tuple[str, ...]
Attrs: TypeAlias = Mapping[str, tuple[str, ...]]


class Kind(StrEnum):
    """What a fact is about; the order is that of their creation."""

    PERSON = "person"
    OU = "ou"
    GROUP = "group"
    ROLE = "role"
    COMPOSITE = "composite"
    GRANT = "grant"
    MEMBER = "member"
    ORGANIZATION = "organization"
    ORG_MEMBER = "org_member"


ACCESS = frozenset({Kind.MEMBER, Kind.GRANT, Kind.ORG_MEMBER, Kind.COMPOSITE})
CONTAINERS = frozenset({Kind.OU, Kind.GROUP, Kind.ORGANIZATION})


class Key(NamedTuple):
    """Identity of one fact in one target; a tuple, since a plan asks for keys by their hash a million times.

    | kind | place | item |
    |---|---|---|
    | person | () | (person id,) |
    | ou, group, organization | path of the container | () |
    | role | (client id, or "" for a realm role) | (role name,) |
    | composite | (client id or "", role name) | (client id or "", name of the role it contains) |
    | grant | path of the group | (client id or "", role name) |
    | member, org_member | path of the container | (person id,) |
    | member, of a group in a group | path of the container | path of the group in it |
    """

    kind: Kind
    place: Path = ()
    item: Path = ()

    @property
    def nests(self) -> bool:
        """Whether this is the membership of a group in a group: nobody's by itself."""
        return self.kind is Kind.MEMBER and len(self.item) > 1

    def needs(self) -> tuple[Key, ...]:
        """The keys that must exist before this one can, where they are managed at all."""
        match self.kind:
            case Kind.GROUP | Kind.OU:
                parent = self.place[:-1]
                return (Key(Kind.OU, parent), Key(Kind.GROUP, parent)) if parent else ()
            case Kind.COMPOSITE:
                return (
                    Key(Kind.ROLE, self.place[:1], self.place[1:]),
                    Key(Kind.ROLE, self.item[:1], self.item[1:]),
                )
            case Kind.GRANT:
                return (Key(Kind.GROUP, self.place), Key(Kind.ROLE, self.item[:1], self.item[1:]))
            case Kind.MEMBER:
                member = Key(Kind.GROUP, self.item) if self.nests else Key(Kind.PERSON, (), self.item)
                return (Key(Kind.GROUP, self.place), member)
            case Kind.ORG_MEMBER:
                return (Key(Kind.ORGANIZATION, self.place), Key(Kind.PERSON, (), self.item))
            case _:
                return ()

    def __str__(self) -> str:
        where = "/" + "/".join(self.place) if self.place else ""
        what = "/".join(self.item)
        return f"{self.kind} {where}{' ' if where and what else ''}{what}"


State: TypeAlias = Mapping[Key, Attrs]


DECLARED = frozenset({"file", "roster"})
"""The sources that say what should be; everything else comes from acts, which change it on purpose."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Why a fact is wanted: the line, roster row or act, and what it means in the mapping.

    `anchor` is (unit id, slot): what stays the same when names and templates change. The unit id is
    the declared `id`, else the unit's path `/a/b`; slots are `unit`, `role:NAME`, `role-def:NAME`.
    `counted` is (person id, role, unit id) for memberships, what limits count.
    """

    anchor: tuple[str, str] = ("", "")
    former: tuple[str, ...] = ()  # former unit ids, for the renaming pass
    former_slots: tuple[str, ...] = ()  # former slots, where a role was renamed (`formerly` of a role)
    source: str = "file"  # file | roster | invitation | admin | join
    place: Place | None = None
    rule: str = ""
    unit: str = ""
    role: str = ""
    person: str = ""
    privileged: bool = False
    until: str = ""  # ISO date of the last day, if any
    initial: bool = False  # seeds an empty role group once

    @property
    def counted(self) -> tuple[str, str, str]:
        """(person id, role, unit id), the unit of every limit."""
        return (self.person, self.role, self.anchor[0])


@dataclass(frozen=True, slots=True)
class Desired:
    """What one target should hold: facts, why each is wanted, and what must not be judged.

    `additive` facts are wanted now but seed only (`initial`); `frozen` are (role, unit id) whose
    removals wait because their source is not healthy, with the reason; `unmanaged` are places whose
    members are nobody's business; `waiting` are facts that wait for a person, with the reason; `ended`
    are persons whose account `removal` orders to delete now: nothing else ever deletes one;
    `only_filled` are groups wanted only while somebody is in them (`empty_group: delete`).
    """

    state: State
    origins: Mapping[Key, Origin]
    waiting: Mapping[Key, str] = field(default_factory=dict)
    frozen: Mapping[tuple[str, str], str] = field(default_factory=dict)
    unmanaged: frozenset[Path] = frozenset()
    ended: frozenset[Key] = frozenset()
    only_filled: frozenset[Key] = frozenset()


@dataclass(frozen=True, slots=True)
class Owned:
    """A ledger row: a fact in one target that syncd made or adopted, and what it last wrote there."""

    key: Key
    native: str
    attrs: Attrs
    origin: Origin
    adopted: bool = False
    claimed: bool = False  # claimed before a create whose outcome is not yet recorded


@dataclass(frozen=True, slots=True)
class Account:
    """A person as a target knows one. `authority` is local, ldap or idp.

    `login` is the `uid` of a directory entry, by which POSIX groups name people.
    """

    target: str
    native: str
    username: str
    email: str = ""
    email_verified: bool = False
    enabled: bool = True
    authority: str = "local"
    given_name: str = ""
    family_name: str = ""
    locale: str = ""
    login: str = ""


@dataclass(frozen=True, slots=True)
class GroupFederation:
    """A mapper by which Keycloak takes groups from a directory: those below `groups_dn` into `path`.

    `mode` is Keycloak's: READ_ONLY, LDAP_ONLY (it writes them too) or IMPORT (once, at the first login).
    `naming` is the attribute of an entry that names its group, `nested` whether groups keep their tree.
    """

    name: str
    url: str
    groups_dn: str
    path: Path
    mode: str
    naming: str = "cn"
    nested: bool = True


@dataclass(frozen=True, slots=True)
class Observation:
    """One whole read of a target within its scope.

    `natives` holds the target's own id of every key of `state` that has one (group id, entryUUID,
    user id). Members name accounts by native id here; `identity.rekey` turns them into person ids.
    `marks` holds the native ownership marker (`environment/mapping`) of containers that carry one.
    `federations` are the mappers by which a realm takes groups from a directory, where the scope asks.
    """

    state: State
    natives: Mapping[Key, str]
    accounts: Sequence[Account] = ()
    marks: Mapping[Key, str] = field(default_factory=dict)
    requests: int = 0
    federations: Sequence[GroupFederation] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """What to read: containers by top, the containers whose members matter, and whom to look up."""

    tops: frozenset[Path]
    members_of: frozenset[Path] = frozenset()
    roles: frozenset[Path] = frozenset()  # (client id or "", role name) of roles that matter
    people: frozenset[str] = frozenset()  # addresses and usernames as written
    natives: frozenset[str] = frozenset()  # native ids of accounts already pinned
    profiles: frozenset[str] = frozenset()  # natives whose attributes matter too, which lists of members lack
    organizations: frozenset[str] = frozenset()  # aliases of Keycloak Organizations, read with their members
    federations: bool = False  # whether it matters which groups a server takes from a directory


class Op(StrEnum):
    """What a change does; the table is in `plan.diff`."""

    CREATE = "create"
    ADOPT = "adopt"
    UPDATE = "update"
    MOVE = "move"
    DELETE = "delete"
    FORGET = "forget"

    @property
    def symbol(self) -> str:
        """The sign before a line of a plan; it carries the meaning, colour only repeats it."""
        return {"create": "+", "adopt": "=", "update": "~", "move": ">", "delete": "-", "forget": "."}[self]


@dataclass(frozen=True, slots=True)
class Change:
    """One write on one target. `attrs` is the whole wanted set, `before` what was observed.

    In an UPDATE or ADOPT only attributes named in `attrs` that differ from `before` are written, and
    those in `clear` are removed. `old` is the key before a MOVE.
    """

    op: Op
    key: Key
    attrs: Attrs = field(default_factory=dict)
    before: Attrs = field(default_factory=dict)
    clear: frozenset[str] = frozenset()
    old: Key | None = None
    native: str = ""
    origin: Origin = field(default_factory=Origin)

    @property
    def writes(self) -> bool:
        """Whether the target is touched; an ADOPT that differs in nothing and a FORGET are ledger only."""
        if self.op is Op.FORGET:
            return False
        if self.op in (Op.ADOPT, Op.UPDATE):
            return bool(self.clear) or any(
                self.before.get(name) != value for name, value in self.attrs.items()
            )
        return True

    @property
    def shown(self) -> bool:
        """Whether people care: an update that writes nothing only brings the ledger up to date."""
        return self.op is not Op.UPDATE or self.writes


@dataclass(frozen=True, slots=True)
class Held:
    """A change that waits, and why: person, protected, adoption, foreign, drift, frozen, unsupported."""

    change: Change
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Stop:
    """A limit that the plan exceeds: which, how much is asked, how much is allowed.

    `removals_only` stops let everything but removals go ahead.
    """

    limit: str
    asked: int
    allowed: int
    detail: str
    removals_only: bool = False


@dataclass(frozen=True, slots=True)
class Foreign:
    """Something in a managed place that syncd did not make: reported, never touched."""

    key: Key
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run would do to one target: the value that is printed, stored, approved and run."""

    target: str
    changes: Sequence[Change] = ()
    held: Sequence[Held] = ()
    foreign: Sequence[Foreign] = ()


class Result(StrEnum):
    """How one change ended. `UNKNOWN`: the reply was lost; the next run looks before it repeats."""

    DONE = "done"
    REFUSED = "refused"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened to one change; `native` is the target's id of what was made."""

    change: Change
    result: Result
    native: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """The safety choices of mapping-format §7, resolved for one mapping.

    Percentages are whole numbers. `units` has those of each unit with a policy
    of its own, never looser than these, by its id and by every path it has or had; `unit` is then its path,
    and `mode` what that policy says: a run of a whole mapping that is not `enforce` does not come so far.
    """

    adopt: str = "ask"
    unlisted: str = "report"
    drift: str = "revert"
    additive: bool = False
    removals_percent: int = 10
    removals_at_least: int = 3
    removals_at_most: int = 200
    grants_percent: int = 25
    grants_at_least: int = 10
    privileged_per_run: int = 1
    admins_min: int = 1
    protected: frozenset[str] = frozenset()
    delete_units: str = "empty"
    first_plan: bool = False
    removed_last_day: frozenset[tuple[str, str, str]] = frozenset()
    adoptions: frozenset[Key] = frozenset()  # approved by `syncd adopt`
    mode: str = "enforce"
    unit: str = ""
    units: Mapping[str, Limits] = field(default_factory=dict)

    def at(self, origin: Origin) -> Limits:
        """The limits where a fact belongs: those of its unit or of the nearest one above with its own."""
        if not self.units:
            return self
        if origin.anchor[0] in self.units:
            return self.units[origin.anchor[0]]
        return self.in_unit(origin.unit)

    def in_unit(self, path: str) -> Limits:
        """The limits of the unit at `/a/b`, which are those of the nearest one above that has its own."""
        while path and path not in self.units:
            path = path.rpartition("/")[0]
        return self.units[path] if path else self


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """A roster or directory group as this run saw it; `reason` is set where the last good copy stands in."""

    name: str
    rows: int
    age_seconds: int = 0
    reason: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class LimitUse:
    """How much of one limit this plan would use."""

    limit: str
    used: int
    allowed: int


@dataclass(frozen=True, slots=True)
class Mailed:
    """One mail that left, an account that was made, or why not, for the report of a run."""

    address: str
    what: str
    result: str


ENFORCED = "enforce"  # the mode in which plans are carried out


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What one run would do, everywhere: the object that is shown, stored, approved and applied.

    `digest` covers changes, holds and stops, nothing that varies from run to run. `failed` are targets
    that could not be read, with the message; `unresolved` are people named but not known, with the
    reason; `names` shows person ids as people know them.
    """

    mapping: str
    environment: str
    digest: str
    plans: Sequence[Plan] = ()
    stops: Sequence[Stop] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    unresolved: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    sources: Sequence[SourceHealth] = ()
    uses: Sequence[LimitUse] = ()
    upcoming: Sequence[tuple[str, str]] = ()  # (ISO date, sentence)
    suggestions: Sequence[str] = ()
    policy_waiting: Sequence[str] = ()  # policy fields that became looser and wait for approval
    warnings: Sequence[Problem] = ()
    servers: Mapping[str, str] = field(default_factory=dict)  # target → address and account
    kept: Mapping[str, int] = field(default_factory=dict)  # unit renamed or moved → memberships that stay
    first: bool = False
    additive: bool = False
    only: str = ""  # the unit to which the plan was narrowed, with all below; empty for all
    target: str = ""  # the target to which it was narrowed
    mode: str = ENFORCED  # what the policy in force says of the whole mapping; all else writes nothing
    part: str = ""  # of a mapping that runs in parts: the root unit, "/" for what belongs to none

    @property
    def changes(self) -> int:
        """How many changes there are over all targets."""
        return sum(change.shown for plan in self.plans for change in plan.changes)

    @property
    def held(self) -> int:
        """How many changes wait over all targets."""
        return sum(len(plan.held) for plan in self.plans)

    @property
    def is_narrowed(self) -> bool:
        """Whether somebody asked for less than all of the mapping, or of the part of it."""
        return bool(self.only or self.target)

    @property
    def is_part(self) -> bool:
        """Whether it is not of the whole: nobody looked at the rest, and a run of it did not do the rest."""
        return bool(self.part) or self.is_narrowed


@dataclass(frozen=True, slots=True)
class RunReport:
    """How one run ended; `exit_code` is the one the command answers with."""

    run: str
    plan: RunPlan
    outcomes: Sequence[Outcome] = ()
    exit_code: int = 0
    message: str = ""
    mails: Sequence[Mailed] = ()

    def count(self, result: Result) -> int:
        """How many changes ended so."""
        return sum(outcome.result is result for outcome in self.outcomes)


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `doctor`: `status` is ok, warn or fail; `remedy` says how to mend it."""

    name: str
    status: str
    detail: str
    remedy: str = ""
