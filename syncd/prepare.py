"""What one run would do: read, resolve, plan everything, weigh everything. No target is written.

Persons met for the first time get their id in the store already here, so that the plan that somebody
reviewed and the plan that runs name the same people.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from syncd import identity, plan, policy, prepare_parts
from syncd.errors import MappingInvalid, TargetError, UsageError
from syncd.mapping import outputs, parts
from syncd.mapping.compile import check_holdings, kept_units_gone
from syncd.mapping.federation import federated_twice
from syncd.mapping.suggestions import did_you_mean, meant_or_listed
from syncd.model import (
    Account,
    Change,
    Desired,
    Key,
    Kind,
    Observation,
    Op,
    Owned,
    Plan,
    RunPlan,
    Scope,
)
from syncd.plan_narrow import WHOLE, Narrowing
from syncd.prepare_limits import Policies, limits_in_force, policies_of
from syncd.prepare_locks import Doors, with_carried, with_doors, with_locks
from syncd.prepare_people import concerned, resolved
from syncd.prepare_posix import under_former_names, with_numbers
from syncd.prepare_shown import described
from syncd.targets.recall import Remembering
from syncd.tracing import span

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from syncd.mapping.compiled import Compiled
    from syncd.mapping.places import Places
    from syncd.mapping.schema import Policy
    from syncd.membership_rules import RosterPeople, Standing
    from syncd.model import Attrs, Limits, Mailed, Origin, SourceHealth, State
    from syncd.store import Store
    from syncd.targets import Target

AGAIN = "read again"


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one mapping as they are now, compiled, with the health of every source.

    `keep` makes the reads of the sources the last good copies, as a confirmed run does; told whether
    its plan was approved.
    """

    compiled: Compiled
    places: Places
    sources: tuple[SourceHealth, ...]
    keep: Callable[[bool], None]
    rosters: Mapping[str, RosterPeople] = field(default_factory=dict)  # those that are authoritative


@dataclass(frozen=True, slots=True)
class Job:
    """One mapping with everything that a run of it needs; `app` builds it.

    `targets` has every output that the mapping turns on; `unbuilt` those whose connection could not
    be made, with the message.
    """

    mapping: str
    environment: str
    files: Files
    targets: Mapping[str, Target]
    store: Store
    operator: Policy
    reach: outputs.Reach
    new_id: Callable[[], str]
    now: Callable[[], datetime]
    servers: Mapping[str, str]
    unbuilt: Mapping[str, str]
    locked: frozenset[str] = frozenset()  # persons whom an act disabled
    freed: frozenset[str] = frozenset()  # persons whom an act enabled, until every account is
    deleted: frozenset[str] = frozenset()  # persons whose account an act deleted
    waiting: Mapping[str, str] = field(default_factory=dict)  # person id → why they wait although known
    advance: Callable[[Prepared], Sequence[Mailed]] | None = None  # makes accounts and sends mails
    judge: Callable[[identity.Resolution, Policy], Standing] | None = None  # whom rules lock, open or end
    stop: Callable[[], bool] = lambda: False  # before each wave: whether the rest is the next run's
    waits: Callable[[], str] = lambda: ""  # as `stop`, and why the rest waits; empty where it does not
    part: str = parts.WHOLE  # of the mapping; `files` then hold no more than it needs
    homes: Mapping[str, frozenset[str]] = field(default_factory=dict)  # `parts.homes` of the whole mapping
    version: str = ""  # the digest of the mapping's files
    everybody: bool = False  # whether somebody may ask for whoever there is, as acts do
    confirmed: bool = True  # whether somebody says yes to the plan before it runs

    @property
    def marker(self) -> str:
        """What native ownership markers hold."""
        return f"{self.environment}/{self.mapping}"

    @property
    def today(self) -> str:
        """The ISO date by which ends are announced."""
        return self.now().date().isoformat()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan with what is needed to run it: reads by target, who is who, the policies behind it."""

    plan: RunPlan
    people: identity.Resolution
    observed: Mapping[str, Observation]
    desired: Mapping[str, Desired]
    policies: Policies
    marker: str
    standing: Standing | None = None

    def natives(self, target: str) -> Mapping[Key, str]:
        """The native ids that the last read of the target found."""
        return self.observed[target].natives

    def ours(self, target: str, key: Key) -> bool:
        """Whether the target shows that the fact was made by this mapping: its mark, or that of its group."""
        observed = self.observed[target]
        container = next((need for need in key.needs() if need in observed.marks), key)
        return key in observed.state and observed.marks.get(container) == self.marker


def prepare(job: Job, narrowing: Narrowing = WHOLE) -> Prepared:
    """Everything that one run would do, decided and weighed.

    What would be taken away was read in this very run: where a target only remembers it, it is read afresh
    and everything is decided again. Raises `MappingInvalid` where the memberships, once it is known who is
    who, do not hold, `UsageError` where there is nothing by the names of the narrowing, and of a part of a
    mapping `NotApart` where only a run of the whole can judge.
    """
    while True:
        prepared = _prepared(job, narrowing)
        doubts = [_doubted(job, one, prepared) for one in prepared.plan.plans]
        if not any(doubts):
            return prepared
        pairs = zip(prepared.plan.plans, doubts, strict=True)
        unread = {one.target: why for one, why in pairs if why not in ("", AGAIN)}
        job = replace(
            job,
            targets={name: target for name, target in job.targets.items() if name not in unread},
            unbuilt={**job.unbuilt, **unread},
        )


def _doubted(job: Job, one: Plan, prepared: Prepared) -> str:
    """`AGAIN` where the target let go of something that it only remembered and the plan would take away.

    Another text is why it could not be looked at; nothing where all holds.
    """
    target = job.targets[one.target]
    if not isinstance(target, Remembering):
        return ""
    natives = plan.natives_after(one, prepared.natives(one.target))
    try:
        again = target.doubt(filter(_takes_away, one.changes), natives)
    except TargetError as error:
        return error.in_one_line
    return AGAIN if again else ""


def _takes_away(change: Change) -> bool:
    return change.op in (Op.DELETE, Op.FORGET) or bool(change.clear)


def _prepared(job: Job, narrowing: Narrowing) -> Prepared:
    compiled, store = job.files.compiled, job.store
    containers = {name: _shaped(job, name, None) for name in job.targets}
    apart = prepare_parts.apart_of(job.part, job.homes, compiled, containers) if job.part else None
    ledger = prepare_parts.ledger_of(apart, store, job.mapping, job.targets)
    owned = {name: apart.rows(name, rows) for name, rows in ledger.items()} if apart else ledger
    known = concerned(job, ledger)
    _check_narrowing(job, narrowing, owned)
    seen, failed = _read(job, containers, owned, known, apart)
    _check_federations(job, seen)
    people = resolved(job, known, owned, seen, lambda people: _check(job.files, people, owned))
    observed = {name: identity.rekey(observation, name, people) for name, observation in seen.items()}
    for name, found in observed.items():
        owned[name] += under_former_names(job, name, found, owned[name], people)
    view = _People(people, _made(owned), job.waiting)
    policies = policies_of(job, [row.origin for rows in ledger.values() for row in rows])
    wholly = not (failed or job.unbuilt)
    standing = job.judge(people, policies.in_force) if job.judge and wholly else None
    doors = Doors.of(people, standing, job.locked, job.freed, job.deleted)
    wanted = {
        name: with_locks(_seeded(_shaped(job, name, view), observed[name].state, owned[name]), doors.shut)
        for name in observed
    }
    if outputs.KEYCLOAK in wanted:
        carried = with_carried(wanted[outputs.KEYCLOAK], doors.shut, people, owned[outputs.KEYCLOAK])
        wanted[outputs.KEYCLOAK] = carried
    desired = {
        name: with_doors(
            with_numbers(job, name, one, observed[name], owned[name]),
            observed[name].state,
            owned[name],
            doors,
        )
        for name, one in wanted.items()
    }
    bounds = limits_in_force(job, policies, people)
    if apart:
        gone = (job.deleted | standing.gone) if standing else job.deleted
        ends = any(row.origin.person in gone for rows in ledger.values() for row in rows)
        first = not store.first_apply_done(job.mapping)
        prepare_parts.check_settled(policies.in_force, policies.waiting, first=first, ends=ends)
        desired = prepare_parts.kept(apart, desired, people)
    plans = [narrowing.of(one) for one in _planned(job, desired, observed, owned, bounds)]
    if apart:
        prepare_parts.check_inside(apart, plans)
    shown = RunPlan(
        job.mapping, job.environment, "", plans, failed={**job.unbuilt, **failed},
        policy_waiting=policies.waiting, first=bounds.first_plan, additive=bounds.additive,
        only=narrowing.top, target=narrowing.target or "", mode=policies.in_force.mode or "enforce",
        part=job.part,
    )  # fmt: skip
    shown = _weighed(shown, job, ledger, desired, bounds, people)
    shown = described(shown, job.files, job.servers, people, owned)
    return Prepared(shown, people, observed, desired, policies, job.marker, standing)


def _planned(
    job: Job,
    desired: Mapping[str, Desired],
    observed: Mapping[str, Observation],
    owned: Mapping[str, Sequence[Owned]],
    bounds: Limits,
) -> list[Plan]:
    return [
        plan.make_plan(
            name, desired[name], observed[name], owned[name], bounds, job.marker, job.targets[name].kinds
        )
        for name in sorted(observed)
    ]


def wholly_read(plan: RunPlan) -> None:
    """Raise `TargetError` where a target was not read: what was not seen cannot be said to be nothing."""
    for target, why in plan.failed.items():
        raise TargetError(target, why)


def _check_narrowing(job: Job, narrowing: Narrowing, owned: Mapping[str, Sequence[Owned]]) -> None:
    """A slip of the pen must not look like nothing to do."""
    targets = {*job.targets, *job.unbuilt}
    if narrowing.target is not None and narrowing.target not in targets:
        hint = meant_or_listed(narrowing.target, targets)
        raise UsageError(f'{job.mapping} has no target "{narrowing.target}"', hint)
    units = {str(unit) for unit in job.files.compiled.units.values()}
    units |= {row.origin.unit for rows in owned.values() for row in rows}
    if narrowing.only is not None and narrowing.top not in units:
        raise UsageError(f'{job.mapping} has no unit "{narrowing.top}"', did_you_mean(narrowing.top, units))


# --- reading ------------------------------------------------------------------------------------------


def _read(
    job: Job,
    containers: Mapping[str, Desired],
    owned: Mapping[str, Sequence[Owned]],
    known: Sequence[identity.Person],
    apart: parts.Apart | None,
) -> tuple[dict[str, Observation], dict[str, str]]:
    """Read every target whole; those that cannot be read are named with their message."""
    seen: dict[str, Observation] = {}
    failed: dict[str, str] = {}
    for name, target in job.targets.items():
        wanted = apart.keep(name, containers[name]) if apart else containers[name]
        scope = _scope(name, job.files.compiled, wanted, owned[name], known)
        if apart:
            scope = prepare_parts.scope_of(apart, name, scope, wanted, owned[name], known)
        try:
            with span("read", mapping=job.mapping, target=name):
                seen[name] = target.read(scope)
        except TargetError as error:
            failed[name] = error.in_one_line
    return seen, failed


def _scope(
    name: str,
    compiled: Compiled,
    containers: Desired,
    owned: Sequence[Owned],
    known: Sequence[identity.Person],
) -> Scope:
    """What a read must cover: all that is wanted, all that is ours, and everybody who is named."""
    keys = [*containers.state, *(row.key for row in owned)]
    roles = {key.item for key in keys if key.kind is Kind.GRANT}
    roles |= {key.place + key.item for key in keys if key.kind is Kind.ROLE}
    roles |= {key.place for key in keys if key.kind is Kind.COMPOSITE}
    people = {text for entry in compiled.people.values() for text in (entry.email, entry.username) if text}
    people |= {text for entry in compiled.people.values() for text in entry.formerly}
    in_tree = [key for key in keys if key.kind in (Kind.OU, Kind.GROUP, Kind.MEMBER)]
    organizations = (key for key in keys if key.kind in (Kind.ORGANIZATION, Kind.ORG_MEMBER))
    return Scope(
        tops=frozenset(key.place[:1] for key in in_tree),
        members_of=frozenset(key.place for key in in_tree),
        organizations=frozenset(key.place[0] for key in organizations),
        federations=bool(compiled.ldap),
        profiles=frozenset(row.native for row in owned if row.key.kind is Kind.PERSON and row.native),
        roles=frozenset(roles),
        people=frozenset(people),
        natives=frozenset(person.pins[name] for person in known if name in person.pins),
    )


# --- who is who ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _People:
    """What `outputs` may ask about people, answered by the resolution and the ledger."""

    resolution: identity.Resolution
    ours: frozenset[tuple[str, str]]
    waiting: Mapping[str, str]

    def id_of(self, text: str) -> str | None:
        return self.resolution.ids.get(text)

    def held(self, text: str) -> str:
        waits = self.waiting.get(self.resolution.ids.get(text, ""), "")
        return self.resolution.held.get(text, "") or waits

    def account(self, person: str, target: str) -> Account | None:
        return self.resolution.accounts.get((person, target))

    def made(self, person: str, target: str) -> bool:
        return (person, target) in self.ours


def _made(owned: Mapping[str, Sequence[Owned]]) -> frozenset[tuple[str, str]]:
    """(person id, target) of the accounts that syncd made."""
    return frozenset(
        (row.key.item[0], name)
        for name, rows in owned.items()
        for row in rows
        if row.key.kind is Kind.PERSON and not row.adopted
    )


def _check_federations(job: Job, seen: Mapping[str, Observation]) -> None:
    """No group may come to Keycloak from the entries that this very mapping writes."""
    federations = [one for observation in seen.values() for one in observation.federations]
    outputs_on = {*job.targets, *job.unbuilt}
    problems = federated_twice(job.files.compiled, outputs_on, job.environment, job.reach, federations)
    if problems:
        raise MappingInvalid(problems)


def _check(files: Files, people: identity.Resolution, owned: Mapping[str, Sequence[Owned]]) -> None:
    """What can be told only now: two texts that are one person, units that must not leave."""
    holdings = [
        policy.Holding(people.ids.get(one.who, one.who), one.text or one.who, one.role, one.unit, one.place)
        for one in files.compiled.assignments
        if not one.lent
    ]
    problems = check_holdings(files.compiled, holdings)
    origins = [row.origin for rows in owned.values() for row in rows]
    problems += kept_units_gone(files.compiled, origins, files.places)
    if problems:
        raise MappingInvalid(problems)


# --- what is wanted -----------------------------------------------------------------------------------


def _shaped(job: Job, name: str, people: _People | None) -> Desired:
    """What the target should hold, as it would store it; a place that folds takes its origin along."""
    target = job.targets[name]
    rendered = outputs.render(job.files.compiled, name, job.environment, people, job.reach)
    state: dict[Key, Attrs] = {}
    origins: dict[Key, Origin] = {}
    for key, attrs in rendered.state.items():
        for shaped, value in target.shape({key: attrs}).items():
            state[shaped] = value
            origins[shaped] = rendered.origins[key]
    waiting: dict[Key, str] = {}
    for key, reason in rendered.waiting.items():
        for shaped in target.shape({key: {}}):
            waiting[shaped] = reason
            if key in rendered.origins:
                origins[shaped] = rendered.origins[key]
    unmanaged = target.shape({Key(Kind.GROUP, place): {} for place in rendered.unmanaged})
    return replace(
        rendered,
        state=state,
        origins=origins,
        waiting=waiting,
        unmanaged=frozenset(key.place for key in unmanaged),
        only_filled=frozenset(target.shape({key: {} for key in rendered.only_filled})),
    )


def _seeded(desired: Desired, observed: State, owned: Sequence[Owned]) -> Desired:
    """Seeds (`initial: true`) fill an empty role group once; where somebody else holds the role they wait."""
    ours = {row.key for row in owned}
    seeds = {key for key, origin in desired.origins.items() if origin.initial and key.kind is Kind.MEMBER}
    taken = {key.place for key in observed if key.kind is Kind.MEMBER and not key.nests}
    waiting = {
        key: "somebody holds this role already; an initial entry seeds an empty role only"
        for key in seeds - ours
        if key.place in taken and key not in observed
    }
    if not waiting:
        return desired
    state = {key: attrs for key, attrs in desired.state.items() if key not in waiting}
    return replace(desired, state=state, waiting={**desired.waiting, **waiting})


def _weighed(  # noqa: PLR0913, PLR0917 - the sides of a run, each with a name of its own
    shown: RunPlan,
    job: Job,
    owned: Mapping[str, Sequence[Owned]],
    desired: Mapping[str, Desired],
    bounds: Limits,
    people: identity.Resolution,
) -> RunPlan:
    inactive = frozenset(person for (person, _), one in people.accounts.items() if not one.enabled)
    stops, uses = plan.weigh(shown.plans, owned, desired, bounds, today=job.today, inactive=inactive)
    digest = plan.digest(shown.plans, stops, shown.policy_waiting, job.part)
    return replace(shown, stops=stops, uses=uses, digest=digest)
