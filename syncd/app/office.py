"""The office of a mapping, wired: the world that policy decides in, read from files, store and servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.acts import OPEN, Invitation
from syncd.administration import Account, Actor, Held, World
from syncd.app import people
from syncd.identity import fold
from syncd.mapping.roster_view import holdings
from syncd.membership import Office

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.inviting import Inviter
    from syncd.mapping.compiled import Compiled
    from syncd.mapping.places import Places
    from syncd.prepare import Job, Prepared

OPERATOR = "operator:"


def office_of(job: Job, prepared: Prepared, inviter: Inviter | None, who: str, operator: str) -> Office:
    """The office on behalf of the person `who`, or of the operator where that is empty.

    Raises `UsageError` where nobody is known by that name.
    """
    compiled = job.files.compiled
    world = world_of(job, prepared, compiled, job.files.places)
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
    )
    return office.acting_as(office.person(who)) if who else office


def world_of(job: Job, prepared: Prepared, compiled: Compiled, places: Places) -> World:
    """Who holds what, how their accounts stand, and the limits in force."""
    return World(
        compiled=compiled,
        holdings=list(_held(prepared, compiled)),
        accounts=_accounts(job, prepared, compiled),
        places=places.at,
        today=job.now().date(),
        admins_min=prepared.policy.admins_min or 0,
        protected=frozenset(prepared.policy.protected),
    )


def _held(prepared: Prepared, compiled: Compiled) -> Iterator[Held]:
    for one in holdings(compiled):
        person = prepared.people.ids.get(one.who, one.who)
        yield Held(person, one.role, one.unit, one.source, one.place, bool(one.waits), one.initial)


def _accounts(job: Job, prepared: Prepared, compiled: Compiled) -> dict[str, Account]:
    """Every person who is named or known, with state and authority of the account."""
    pending = {one.person for one in job.store.acts.all(Invitation, job.mapping) if one.state in OPEN}
    found: dict[str, Account] = {}
    for person in prepared.people.persons.values():
        account = prepared.people.accounts.get((person.id, "keycloak"))
        address = min(person.addresses, default="")
        name = address or min(person.usernames, default=person.id)
        if account is None or person.id in pending:
            state = "pending"
        else:
            state = "active" if account.enabled and person.id not in job.locked else "disabled"
        authority = account.authority if account else "local"
        found[person.id] = Account(state, authority, name, account.email if account else address)
    for ref, entry in compiled.people.items():
        person_id = prepared.people.ids.get(ref, "")
        if person_id in found and entry.place is not None and entry.source in people.DECLARED:
            known = found[person_id]
            authority = (
                "file" if known.authority == "local" and ref in declared(compiled) else known.authority
            )
            found[person_id] = Account(known.state, authority, known.who, known.address, entry.place)
    return found


def declared(compiled: Compiled) -> frozenset[str]:
    """The people whom `people` of the files describes, whose accounts the files therefore own."""
    return frozenset(fold(name) for name in compiled.document.people) | frozenset(compiled.document.people)
