"""The office of a mapping, wired: the world that policy decides in, read from files, store and servers."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from syncd.acts import OPEN, Call, Grant, Invitation, Join, Notice, Source, Transfer
from syncd.administration import Account, Actor, Held, World
from syncd.app import people
from syncd.errors import Busy, Stale
from syncd.identity import fold
from syncd.mapping.members_acts import place_of, renamed
from syncd.mapping.roster_view import UNKNOWN, holdings
from syncd.membership import Office
from syncd.model import Change, Op, Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from syncd.acts import Record
    from syncd.identity import Resolution
    from syncd.inviting import Inviter
    from syncd.mapping.compiled import Assignment, Compiled
    from syncd.mapping.schema import Policy
    from syncd.model import Owned
    from syncd.prepare import Job, Prepared
    from syncd.store import Store

OPERATOR = "operator:"


def office_of(job: Job, prepared: Prepared, inviter: Inviter | None, who: str, operator: str) -> Office:
    """The office on behalf of the person `who`, or of the operator where that is empty.

    Raises `UsageError` where nobody is known by that name.
    """
    compiled = job.files.compiled
    unread = "keycloak" in prepared.plan.failed
    world = world_of(job, prepared.people, prepared.policies.wanted, unread=unread)
    office = Office(
        mapping=job.mapping,
        compiled=compiled,
        people=prepared.people,
        world=world,
        store=job.store,
        actor=Actor("", operator=True),
        by=OPERATOR + operator,
        rules=inviter.rules if inviter else None,
        connect=inviter.connect if inviter else None,
        now=people.now,
        new_id=people.new_id,
        unread=prepared.plan.failed,
    )
    return office.acting_as(office.person(who)) if who else office


def world_of(job: Job, people_: Resolution, policy: Policy, *, unread: bool = False) -> World:
    """Who holds what, how their accounts stand (`unread`: nobody knows), and the limits in force."""
    compiled = job.files.compiled
    return World(
        compiled=compiled,
        holdings=list(_held(people_, compiled)),
        accounts=_accounts(job, people_, compiled, unread=unread),
        places=job.files.places.at,
        today=job.now().date(),
        admins_min=policy.admins_min or 0,
        protected=frozenset(policy.protected),
    )


def _held(people_: Resolution, compiled: Compiled) -> Iterator[Held]:
    for one in holdings(compiled):
        person = people_.ids.get(one.who, one.who)
        yield Held(
            person, one.role, one.unit, one.source, one.place, bool(one.waits), one.initial,
            one.since, one.suspended,
        )  # fmt: skip


def _accounts(job: Job, people_: Resolution, compiled: Compiled, *, unread: bool) -> dict[str, Account]:
    """Every person who is named or known, with state and authority of the account."""
    pending = {one.person for one in job.store.acts.all(Invitation, job.mapping) if one.state in OPEN}
    found: dict[str, Account] = {}
    for person in people_.persons.values():
        account = people_.accounts.get((person.id, "keycloak"))
        address = min(person.addresses, default="")
        name = address or min(person.usernames, default=person.id)
        if unread:
            state = UNKNOWN
        elif account is None or person.id in pending:
            state = "pending"
        else:
            state = "active" if account.enabled and person.id not in job.locked else "disabled"
        authority = account.authority if account else "local"
        found[person.id] = Account(state, authority, name, account.email if account else address)
    for ref, entry in compiled.people.items():
        person_id = people_.ids.get(ref, "")
        if person_id in found and entry.place is not None and entry.source in people.DECLARED:
            known = found[person_id]
            ours = known.authority == "local" and (entry.source == "roster" or ref in declared(compiled))
            authority = "file" if ours else known.authority
            found[person_id] = Account(known.state, authority, known.who, known.address, entry.place)
    return found


def declared(compiled: Compiled) -> frozenset[str]:
    """The people whom `people` of the files describes, whose accounts the files therefore own."""
    return frozenset(fold(name) for name in compiled.document.people) | frozenset(compiled.document.people)


# --- what a run made true -----------------------------------------------------------------------------


def write_down(job: Job, run: str) -> None:
    """After a run: acts take the names of today, and a seed that was given belongs to acts from now on.

    Read from the ledger and not from what the run did, so that a crash in between loses nothing.
    """
    acts = job.store.acts
    for grant in renamed(job.files.compiled, acts.all(Grant, job.mapping)):
        with suppress(Stale):  # somebody acted on it meanwhile; the next run writes it down
            acts.save(grant)
    if any(one.initial for one in job.files.compiled.assignments):
        owned = {name: job.store.owned(job.mapping, name) for name in job.targets}
        for seed in _given_seeds(job, owned):
            acts.add(seed)
            with suppress(Busy):  # the run that has the lease by now writes it down
                _take_over(job, owned, seed, run)


def _given_seeds(job: Job, owned: Mapping[str, Sequence[Owned]]) -> list[Grant]:
    """A grant for each seed that the ledger shows to be given."""
    rows = (row.origin for rows in owned.values() for row in rows)
    given = {origin.counted for origin in rows if origin.initial}
    persons = [one for one in job.store.persons() if any(one.id == person for person, _, _ in given)]
    found = []
    for line in job.files.compiled.assignments:
        if line.initial and not line.lent:
            unit, names = job.files.compiled.units[line.unit].uid, _names(job.files.compiled, line)
            for person in persons:
                known = person.addresses | person.usernames
                if (person.id, line.role, unit) in given and not names.isdisjoint(known):
                    found.append(_seed(job, unit, line.role, person.id, fold(line.text or line.who)))
    return found


def _names(compiled: Compiled, line: Assignment) -> frozenset[str]:
    """Everything by which a line may mean its person."""
    entry = compiled.people.get(line.who)
    more = (entry.email, entry.username) if entry else ()
    return frozenset(fold(text) for text in (line.text, line.who, *more) if text)


def _take_over(job: Job, owned: Mapping[str, Sequence[Owned]], seed: Grant, run: str) -> None:
    """The ledger says whose the fact is by now, so that the next run has nothing to note down."""
    for name, rows in owned.items():
        outcomes = [
            Outcome(
                Change(
                    Op.UPDATE,
                    row.key,
                    row.attrs,
                    native=row.native,
                    origin=replace(row.origin, source=seed.source.value, initial=False, place=place_of(seed)),
                ),
                Result.DONE,
            )
            for row in rows
            if row.origin.initial and row.origin.counted == (seed.person, seed.role, seed.unit)
        ]
        if outcomes:
            job.store.record(job.mapping, name, run, outcomes)


def _seed(job: Job, unit: str, role: str, person: str, who: str) -> Grant:
    return Grant(
        people.new_id("g"),
        job.mapping,
        unit=unit,
        role=role,
        person=person,
        who=who,
        source=Source.ADMIN,
        by="file",
        since=job.now(),
    )


# --- undoing ------------------------------------------------------------------------------------------

UNDONE = (Grant, Invitation, Join, Transfer, Notice, Call)


@dataclass(frozen=True, slots=True)
class Before:
    """What acts had given, asked and told before one, to be put back where the mapping then does not hold."""

    mapping: str
    records: Mapping[str, Record]

    @classmethod
    def of(cls, store: Store, mapping: str) -> Before:
        """As it is now."""
        return cls(mapping, _records(store, mapping))

    def restore(self, store: Store, by: str, after: Before) -> None:
        """Put back what the act changed, which left things as they were `after` it.

        What somebody else has changed since is theirs.
        """
        now = _records(store, self.mapping)
        changed = sorted(
            name
            for name in self.records.keys() | after.records.keys()
            if self.records.get(name) != after.records.get(name) == now.get(name)
        )
        gone = [now[name] for name in changed if name not in self.records]
        back = [
            replace(self.records[name], version=now[name].version if name in now else 0)
            for name in changed
            if name in self.records
        ]
        store.acts.change(*back, gone=gone, by=by)


def _records(store: Store, mapping: str) -> dict[str, Record]:
    return {record.id: record for kind in UNDONE for record in store.acts.all(kind, mapping)}
