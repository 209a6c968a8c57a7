"""Which accounts the mapping's own rules lock, open again or end: seats, rosters, the last membership. Pure.

Judged anew before every run, from what is held then; what earlier runs did is in `Lock` records, so that a
rule takes off only locks that it put on. An act's deletion that waits for its day ends here, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from syncd.administration import Act, Actor, Subject
from syncd.administration_bounds import not_protected
from syncd.administration_effects import Effects, locked
from syncd.administration_limits import administrators_stay, not_too_few
from syncd.administration_settings import setting
from syncd.administration_words import ACTIVE, Case
from syncd.membership_seats import holders_of_seats

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from syncd.acts import Lock
    from syncd.administration import World
    from syncd.identity import Person
    from syncd.mapping.schema_rules import Removal
    from syncd.mapping.values import Duration
    from syncd.model import Path

SEATS, LAST, REFUSED = "settings.seats.overflow", "removal.last", "joining.refused"
TOUCHED = frozenset({"local", "file"})
ON_RECORD = frozenset({"missed", "disabled"})
LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RosterPeople:
    """An authoritative roster: names in it now and in the copy before, folded; `after` is how long one waits.

    While it is `frozen` nobody is missed or locked because of it.
    """

    now: frozenset[str]
    before: frozenset[str]
    after: Duration
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class Cause:
    """The rule, by its key, that locks somebody, and why; with `due` the account is deleted then."""

    rule: str
    reason: str
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What rules want of accounts now, by person id.

    `missed` are gone from a roster and not yet locked. `opened` had a lock whose cause is over, `found` were
    missed and are back. `ended` are locks whose day of deletion has come. `spared` says who is not locked
    although a rule says so, and why.
    """

    locked: Mapping[str, Cause] = field(default_factory=dict)
    missed: Mapping[str, Cause] = field(default_factory=dict)
    opened: frozenset[str] = frozenset()
    found: frozenset[str] = frozenset()
    ended: tuple[Lock, ...] = ()
    spared: Mapping[str, str] = field(default_factory=dict)

    @property
    def gone(self) -> frozenset[str]:
        """Whose accounts end now."""
        return frozenset(lock.person for lock in self.ended)


@dataclass(frozen=True, slots=True)
class Known:
    """What rules look at beside the world: persons, their locks on record, rosters, and the moment.

    `made` are persons with an account that syncd made, `busy` those with something in another mapping or an
    invitation that is open. `most` is how many accounts rules may lock in one run.
    """

    persons: Mapping[str, Person]
    locks: Sequence[Lock]
    rosters: Mapping[str, RosterPeople]
    made: frozenset[str]
    busy: frozenset[str]
    now: datetime
    most: int

    def lock(self, person: str, rule: str) -> Lock | None:
        """The lock, or the note that somebody is missed, which a rule has on record."""
        found = (one for one in self.locks if (one.person, one.rule) == (person, rule))
        return next((one for one in found if one.state in ON_RECORD), None)


def standing(world: World, known: Known) -> Standing:
    """What every rule wants now; an account that an act locked is the act's."""
    wanted: dict[str, Cause] = {}
    missed: dict[str, Cause] = {}
    spared: dict[str, str] = {}
    for person, cause in _overbooked(world, known, spared):
        wanted.setdefault(person, cause)
    for person, cause, is_due in _missing(world, known):
        if is_due and (why := _untouchable(world, person)):
            spared[person] = why
        else:
            (wanted if is_due else missed).setdefault(person, cause)
    for person, cause in _left(world, known):
        wanted.setdefault(person, cause)
    by_act = {lock.person for lock in known.locks if lock.state == "disabled" and not lock.rule}
    _stop_a_flood(wanted, known, spared, by_act)
    by_rule = [lock for lock in known.locks if lock.rule and lock.state in ON_RECORD]
    over = [lock for lock in by_rule if lock.person not in wanted.keys() | missed.keys()]
    due = {person for person, cause in wanted.items() if cause.due and cause.due <= known.now}
    return Standing(
        locked={person: cause for person, cause in wanted.items() if person not in by_act},
        missed=missed,
        opened=frozenset(lock.person for lock in over if lock.state == "disabled") - by_act,
        found=frozenset(lock.person for lock in over if lock.state == "missed"),
        ended=tuple(_ended(world, known, due, spared)),
        spared=spared,
    )


def _stop_a_flood(wanted: dict[str, Cause], known: Known, spared: dict[str, str], by_act: set[str]) -> None:
    """Take out whom a rule would lock only now, where they are more than may go in one run."""
    new = [
        person
        for person, cause in wanted.items()
        if person not in by_act
        and ((lock := known.lock(person, cause.rule)) is None or lock.state != "disabled")
    ]
    if len(new) <= known.most:
        return
    why = (
        f"{len(new)} accounts would be locked at once, at most {known.most} may (policy.removals); "
        "mend the rule, or raise the limit and approve that"
    )
    for person in new:
        del wanted[person]
        spared[person] = why


# --- more holders than seats --------------------------------------------------------------------------


def _overbooked(world: World, known: Known, spared: dict[str, str]) -> Iterator[tuple[str, Cause]]:
    """The newest holders above the seats, where `overflow: disable_newest` says so."""
    for root in sorted({unit[:1] for unit in world.compiled.units}):
        if setting(world, root, SEATS.removeprefix("settings.")) != "disable_newest":
            continue
        for kind, seats in sorted(world.document(root).invitations.seats.items()):
            newest_first = _seated(world, known, root, kind)
            yield from _above(world, root, f"{seats} {kind} seats", newest_first, seats, spared)


def _seated(world: World, known: Known, root: Path, kind: str) -> list[str]:
    """Holders who are in, or would be but for this rule; who came last is first, files' people are last."""
    came: dict[str, datetime] = {}
    for held in holders_of_seats(world, root, kind):
        state, ours = world.account(held.person).state, known.lock(held.person, SEATS)
        if not held.waits and (state == ACTIVE or ours):
            since = held.since or LONG_AGO
            came[held.person] = min(since, came.get(held.person, since))
    return sorted(came, key=lambda person: (came[person], world.name(person)), reverse=True)


def _above(  # noqa: PLR0913, PLR0917 - who, where, how many, and what is said of those spared
    world: World, root: Path, what: str, newest_first: Sequence[str], seats: int, spared: dict[str, str]
) -> Iterator[tuple[str, Cause]]:
    over = len(newest_first) - seats
    for person in newest_first:
        if over <= 0:
            return
        why = _untouchable(world, person)
        if why:
            spared[person] = why
            continue
        over -= 1
        world = locked(Effects(locks=person), world)
        yield person, Cause(SEATS, f"{len(newest_first)} people for {what} in /{root[0]}, the newest wait")


def _untouchable(world: World, person: str) -> str:
    """Why no rule locks the account: it is somebody else's, protected, or too few would stay."""
    account = world.account(person)
    if account.authority not in TOUCHED:
        return f"authority={account.authority}"
    held = world.of(person)
    if not held:
        return ""
    target = Subject(person, held[0].role, held[0].unit, account.state, account.authority)
    case = Case(Act("disable", held[0].unit, target), Actor("", operator=True), world)
    done = Effects(locks=person)
    judged = (judge(case, done) for judge in (not_protected, not_too_few, administrators_stay))
    refused = next((found for found in judged if found is not None), None)
    return str(refused) if refused is not None else ""


# --- gone from a roster -------------------------------------------------------------------------------


def _missing(world: World, known: Known) -> Iterator[tuple[str, Cause, bool]]:
    """Who was in an authoritative roster and is not any more, and whether the time to wait is over."""
    for name, roster in sorted(known.rosters.items()):
        rule = f"rosters.{name}.authoritative"
        for person in known.persons.values():
            names, lock = person.addresses | person.usernames, known.lock(person.id, rule)
            if names & roster.now or not (lock or (names & roster.before and not roster.frozen)):
                continue
            since = (lock.since if lock else None) or known.now
            is_over = roster.after.after(since) <= known.now and not roster.frozen
            is_locked = lock is not None and lock.state == "disabled"
            reason = f"{world.name(person.id)} is gone from roster {name} since {since:%Y-%m-%d %H:%M} UTC"
            yield person.id, Cause(rule, reason), is_locked or is_over


# --- the last membership ------------------------------------------------------------------------------


def _left(world: World, known: Known) -> Iterator[tuple[str, Cause]]:
    """Who holds nothing any more and has an account that syncd made."""
    removal = world.compiled.document.removal
    if removal.last == "keep":
        return
    for person in sorted(known.made - known.busy):
        if not world.of(person) and not _untouchable(world, person):
            yield person, _farewell(removal, known.lock(person, LAST), known.now)


def _farewell(removal: Removal, lock: Lock | None, now: datetime) -> Cause:
    since = (lock.since if lock else None) or now
    due = removal.grace.after(since) if removal.last == "delete" else None
    return Cause(LAST, f"the last membership ended before {since:%Y-%m-%d %H:%M} UTC", due)


# --- the day has come ---------------------------------------------------------------------------------


def _ended(world: World, known: Known, due: set[str], spared: dict[str, str]) -> Iterator[Lock]:
    """Locks of accounts to be deleted now; whoever files name by now stays locked and is told about."""
    for lock in known.locks:
        if lock.state == "ending":  # an act or a run that was cut off has begun it
            if why := _still_needed(world, known, lock):
                spared[lock.person] = why
            else:
                yield lock
            continue
        by_act = not lock.rule and lock.due is not None and lock.due <= known.now
        if lock.state != "disabled" or not (by_act or (lock.rule == LAST and lock.person in due)):
            continue
        declared = next((held for held in world.of(lock.person) if held.declared), None)
        if declared is not None:
            spared[lock.person] = f"not deleted: holds {declared}; take that out of the files first"
        else:
            yield lock


def _still_needed(world: World, known: Known, lock: Lock) -> str:
    """Why the account of somebody who was refused stays, whatever they were given since; else empty."""
    if lock.rule != REFUSED:
        return ""
    if held := world.of(lock.person):
        return f"not deleted: holds {held[0]}"
    if lock.person in known.busy:
        return "not deleted: holds something in another mapping, or an invitation is open"
    return _untouchable(world, lock.person)
