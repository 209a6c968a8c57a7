"""What the mapping's rules do to accounts, wired: judged with a plan, put on record and done with its run.

The record comes first, so that after a crash a lock is known to be the rule's, and the next run takes it off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from syncd.acts import OPEN, Invitation, Lock, Notice
from syncd.app.office import world_of
from syncd.app.people import new_id
from syncd.errors import TargetError
from syncd.identity import fold
from syncd.mapping.compile_people import column
from syncd.mapping.schema import PerDay
from syncd.membership_accounts import finish_deletion
from syncd.membership_endings import ending
from syncd.membership_rules import REFUSED, Known, RosterPeople, Standing, standing
from syncd.model import Kind, Mailed
from syncd.sources import copies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from syncd.app.rosters import Sources
    from syncd.identity import Resolution
    from syncd.mapping.schema import MappingDocument, Policy, RosterModel
    from syncd.membership_rules import Cause
    from syncd.model import RunReport
    from syncd.prepare import Job, Prepared
    from syncd.roster import Row
    from syncd.store import Store
    from syncd.targets.directory import Directory

KEYCLOAK = "keycloak"
SHARED = (KEYCLOAK, "ldap")


def roster_people(
    document: MappingDocument, sources: Sources, store: Store, mapping: str
) -> dict[str, RosterPeople]:
    """Who is in each authoritative roster, and who was in its last good copy."""
    found: dict[str, RosterPeople] = {}
    for name, model in document.rosters.items():
        used = sources.rosters.get(name)
        if model.authoritative is None or used is None:
            continue
        last = store.last_source(mapping, name)
        copy = copies.from_json(last.rows_json) if last else None
        found[name] = RosterPeople(
            now=_names(used.rows, model, folded=used.folded),
            before=_names(copy.rows, model, folded=copy.folded) if copy else frozenset(),
            after=model.authoritative.after,
            frozen=bool(used.frozen),
        )
    return found


def _names(rows: Iterable[Row], model: RosterModel, *, folded: bool) -> frozenset[str]:
    columns = [column(name, model.columns, folded=folded) for name in ("email", "username")]
    return frozenset(fold(text) for row in rows for name in columns if (text := row.text(name)))


def judge(
    job: Job, rosters: Mapping[str, RosterPeople], others: Iterable[str]
) -> Callable[[Resolution, Policy], Standing]:
    """What rules want, once it is known who is who; `others` are the mappings beside this one."""

    def judged(people: Resolution, policy: Policy) -> Standing:
        asked = job.store.acts.all(Invitation, job.mapping)
        made = frozenset(_made(job, people, asked))
        busy = {one.person for one in asked if one.state in OPEN}
        locks = job.store.acts.all(Lock, job.mapping)
        refused = any((lock.rule, lock.state) == (REFUSED, "ending") for lock in locks)
        if refused or job.files.compiled.document.removal.last != "keep":
            busy |= set(_elsewhere(job.store, others))
        known = Known(
            persons=people.persons,
            locks=locks,
            rosters=rosters,
            made=made,
            busy=frozenset(busy),
            now=job.now(),
            most=_most(policy, len(people.persons)),
        )
        return standing(world_of(job, people, policy), known)

    return judged


def _most(policy: Policy, persons: int) -> int:
    """How many accounts rules may lock in one run: as many as removals of memberships from so many may."""
    removals = policy.removals or PerDay()
    share = persons * (removals.per_day or 0) // 100
    least = max(share, removals.at_least or 0)
    return least if removals.at_most is None else min(least, removals.at_most)


def _made(job: Job, people: Resolution, asked: Iterable[Invitation]) -> Iterator[str]:
    """The persons with an account that syncd made, by a run or for an invitation."""
    for name in job.targets:
        for row in job.store.owned(job.mapping, name, Kind.PERSON):
            if not row.adopted and (row.key.item[0], name) in people.accounts:
                yield row.key.item[0]
    for one in asked:
        account = people.accounts.get((one.person, KEYCLOAK))
        if one.made_account and account is not None and account.native == one.account:
            yield one.person


def _elsewhere(store: Store, others: Iterable[str]) -> Iterator[str]:
    """Everybody who holds something in another mapping: an account is one for all of them."""
    for mapping in others:
        for target in SHARED:
            yield from (row.key.item[0] for row in store.owned(mapping, target, Kind.MEMBER))


# --- with the run -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Keeper:
    """Puts on record what rules want of accounts, and does at once what cannot wait for the run."""

    job: Job
    prepared: Prepared
    connect: Callable[[], Directory] | None

    def keep(self) -> list[Mailed]:
        """Everything; answers whom it locked, opened or spared, and why."""
        wanted = self.prepared.standing
        if wanted is None:
            return []
        acts, mapping = self.job.store.acts, self.job.mapping
        locks = acts.all(Lock, mapping)
        on_record = {(lock.person, lock.rule): lock for lock in locks if lock.state in ("missed", "disabled")}
        said = [Mailed(self._name(person), "spared", why) for person, why in wanted.spared.items()]
        for person, cause in wanted.missed.items():
            if (person, cause.rule) not in on_record:
                acts.add(self._record(person, cause, "missed"))
        for person, cause in wanted.locked.items():
            if person in wanted.gone:  # it is locked; what is put on record now is its end
                continue
            said += self._locked(person, cause, on_record.get((person, cause.rule)))
        for lock in locks:
            said += self._over(lock, wanted)
        return said

    def _locked(self, person: str, cause: Cause, known: Lock | None) -> list[Mailed]:
        acts, account = self.job.store.acts, self.prepared.people.accounts.get((person, KEYCLOAK))
        if known is None:
            acts.add(self._record(person, cause, "disabled"))
        elif known.state == "missed" or known.due != cause.due:
            acts.save(replace(known, state="disabled", reason=cause.reason, due=cause.due))
        elif account is None or not account.enabled:
            return []
        return self._door(person, "locked", cause.reason, shut=True)

    def _over(self, lock: Lock, wanted: Standing) -> list[Mailed]:
        """What ends for a lock: that somebody was missed, the lock, or the account."""
        acts = self.job.store.acts
        if lock in wanted.ended:
            if lock.state != "ending":
                acts.save(replace(lock, state="ending"))
            return [Mailed(self._name(lock.person), "deleted", lock.reason)]
        if lock.state == "ending" or (lock.state == "missed" and lock.person in wanted.found):
            acts.save(replace(lock, state="ended"))
        is_over = lock.rule and lock.state == "disabled" and lock.person in wanted.opened
        if is_over:
            acts.save(replace(lock, state="enabled", due=None))
        account = self.prepared.people.accounts.get((lock.person, KEYCLOAK))
        was_opened = lock.rule and lock.state == "enabled" and account is not None and not account.enabled
        if is_over or (was_opened and lock.person not in wanted.locked):
            return self._door(lock.person, "opened", f"`{lock.rule}` no longer locks the account", shut=False)
        return []

    def _door(self, person: str, what: str, why: str, *, shut: bool) -> list[Mailed]:
        """Keycloak hears at once; where it does not, the next run tries again."""
        account = self.prepared.people.accounts.get((person, KEYCLOAK))
        if account is None or self.connect is None:
            return [Mailed(self._name(person), what, why)]
        try:
            directory = self.connect()
            if shut:
                directory.disable(account.native)
                directory.end_sessions(account.native)
            else:
                directory.enable(account.native)
        except TargetError as error:
            return [Mailed(self._name(person), what, error.in_one_line)]
        return [Mailed(self._name(person), what, why)]

    def _record(self, person: str, cause: Cause, state: str) -> Lock:
        return Lock(
            new_id("l"), self.job.mapping, person=person, by=f"rule:{cause.rule}", since=self.job.now(),
            state=state, rule=cause.rule, due=cause.due, reason=cause.reason,
        )  # fmt: skip

    def _name(self, person: str) -> str:
        return self.prepared.plan.names.get(person, person)


def announce_ends(job: Job, prepared: Prepared) -> None:
    """Write the notices of memberships that end soon, where no earlier run has."""
    compiled, acts = job.files.compiled, job.store.acts
    today = job.now().astimezone(ZoneInfo(compiled.document.settings.timezone or "UTC")).date()
    for notice in ending(compiled, prepared.people, job.mapping, today):
        if acts.get(Notice, notice.id) is None:
            acts.add(notice)


def finish(job: Job, report: RunReport, connect: Callable[[], Directory] | None) -> None:
    """After a run that took everything from whoever is gone: the account itself, and who hears of it."""
    store = job.store
    endings = store.acts.all(Lock, job.mapping, state="ending")
    persons = store.persons_among(lock.person for lock in endings)
    pins = {person.id: person.pins.get(KEYCLOAK, "") for person in persons}
    for lock in endings:
        native = pins.get(lock.person, "")
        if native and connect is not None:
            connect().delete(native)
        name = report.plan.names.get(lock.person, lock.person)
        removal = job.files.compiled.document.removal
        finish_deletion(store, lock, name, removal, new_id)
