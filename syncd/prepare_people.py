"""Of everybody whom the store knows, those whom a run of one mapping may be about.

The store may know a hundred times as many: to read them all, and to look every account of theirs up, would
make each of many mappings cost what all of them cost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.acts import Grant, Invitation, Join, Lock, ProfileEdit, Transfer
from syncd.errors import Stale
from syncd.identity import names_of, resolve
from syncd.model import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from syncd.identity import Person, Resolution
    from syncd.model import Observation, Owned
    from syncd.prepare import Job

_NAMING_PEOPLE = frozenset({Kind.PERSON, Kind.MEMBER, Kind.ORG_MEMBER})


def concerned(job: Job, owned: Mapping[str, Sequence[Owned]]) -> list[Person]:
    """Whom files, acts, rosters and the ledger of the mapping speak of; for acts everybody there is."""
    if job.everybody:
        return job.store.persons()
    names = names_of(job.files.compiled.people)
    for roster in job.files.rosters.values():
        names |= roster.before - roster.now
    return job.store.persons_among({*_in_ledger(owned), *_in_acts(job)}, names)


def met(job: Job, known: Sequence[Person], seen: Mapping[str, Observation]) -> list[Person]:
    """Those, and whoever else holds an account that was read."""
    unknown = {
        target: {one.native for one in observation.accounts} - {one.pins.get(target) for one in known}
        for target, observation in seen.items()
    }
    if job.everybody or not any(unknown.values()):
        return list(known)
    before = {one.id for one in known}
    found = job.store.persons_among(accounts=unknown)
    return [*known, *(one for one in found if one.id not in before)]


def resolved(
    job: Job,
    known: Sequence[Person],
    owned: Mapping[str, Sequence[Owned]],
    seen: Mapping[str, Observation],
    check: Callable[[Resolution], None],
) -> Resolution:
    """Who everybody is, checked, and from now on in the store too.

    It is told anew where the run of another mapping met somebody for the first time meanwhile: the same
    person under two ids would be held by both for ever.
    """
    entries = job.files.compiled.people
    accounts = {name: observation.accounts for name, observation in seen.items()}
    while True:
        there = met(job, known, seen)
        people = resolve(entries, accounts, there, job.new_id)
        check(people)
        try:
            job.store.save_persons(people.changed, names_of(entries), there)
        except Stale:
            known = concerned(job, owned)
        else:
            return people


def _in_ledger(owned: Mapping[str, Sequence[Owned]]) -> Iterator[str]:
    for row in (row for rows in owned.values() for row in rows):
        yield row.origin.person
        if row.key.kind in _NAMING_PEOPLE:
            yield row.key.item[0]


def _in_acts(job: Job) -> Iterator[str]:
    yield from job.waiting
    acts, mapping = job.store.acts, job.mapping
    yield from (one.person for one in acts.all(Grant, mapping))
    yield from (one.person for one in acts.all(Invitation, mapping))
    yield from (one.person for one in acts.all(Join, mapping))
    yield from (one.person for one in acts.all(Lock, mapping))
    yield from (one.person for one in acts.all(ProfileEdit, mapping))
    for transfer in acts.all(Transfer, mapping):
        yield from (transfer.owner, transfer.heir)
