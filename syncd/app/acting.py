"""The application where people act: decided and stored under the lease, made true by a run at once."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from syncd import reconcile
from syncd.acts import Call, Lock, Redemption
from syncd.administration_words import Actor
from syncd.app import connections, people
from syncd.app.office import Before, office_of, write_down
from syncd.app.people_lists import lock_rows
from syncd.app.standing import finish
from syncd.errors import Busy, MappingInvalid, Stale, UsageError
from syncd.mapping.parts import TRUNK
from syncd.membership_redemptions import TO_DECIDE, process
from syncd.membership_words import Verdict
from syncd.prepare import prepare, wholly_read
from syncd.settings import SettingsInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from syncd.app_types import LockRow
    from syncd.mapping.read import Loaded
    from syncd.membership import Office
    from syncd.model import RunPlan, RunReport
    from syncd.prepare import Job, Prepared
    from syncd.settings import Settings
    from syncd.store import Store

API = "api"
"""Who is named as holding the lease while an act of the API is recorded."""
UNKNOWN = "unknown"
"""Who acts where no person of the mapping holds the account."""
LINKS = "links"
"""Who is named as holding the lease, and as the operator, while notes of redeemed links are answered."""


class Acting:
    """What an application does on behalf of people; the rest of it is in `App`."""

    settings: Settings
    _calls: Sequence[Call] = ()  # for a run, that were there before it began

    if TYPE_CHECKING:
        _load: Callable[[Settings, str], Loaded]

        @property
        def _db(self) -> Store: ...
        def _job(self, mapping: str) -> Job: ...
        def _keep(self, plan: RunPlan) -> None: ...
        def _known(self, mapping: str) -> str: ...

    def office(self, mapping: str, who: str = "", operator: str = "") -> Office:
        """Where acts on the mapping are done, on behalf of the person `who` or of the operator.

        Raises `UsageError` where nobody is known by that name.
        """
        job = replace(self._job(mapping), everybody=True)
        return self._office(job, prepare(job), who, operator)

    def _office(self, job: Job, prepared: Prepared, who: str = "", operator: str = "") -> Office:
        loaded = self._load(self.settings, job.mapping)
        inviter = people.inviter_of(self.settings, job.mapping, loaded, job.store)
        office = office_of(job, prepared, inviter, who, operator)
        unsent = people.unsent(self.settings)
        return replace(office, public_url=self.settings.public_url or "", unsent=unsent)

    def act(
        self, mapping: str, who: str, operator: str, do: Callable[[Office], Sequence[Verdict]]
    ) -> tuple[Sequence[Verdict], RunReport | None]:
        """Do something on behalf of a person, and make it true at once where it was allowed.

        The act is decided and stored under the lease of the mapping, so that of two who act at once each
        sees what the other did. One after which the mapping does not hold is taken back and refused.
        """
        store = self._db
        with store.lease(self._known(mapping), operator or who, reconcile.LEASE):
            before = Before.of(store, mapping)
            verdicts = do(self.office(mapping, who, operator))
            after = Before.of(store, mapping)
        if not any(verdict.allowed for verdict in verdicts):
            return verdicts, None
        try:
            job = self._job(mapping)
            report = reconcile.apply(job, None, confirmed=False, actor=operator or who, trigger="act")
        except SettingsInvalid:
            raise  # nothing is wrong with the act
        except MappingInvalid as error:
            before.restore(store, operator or who, after)
            return [Verdict(one.who, False, str(error), error.problems[0].place) for one in verdicts], None
        self._finish(job, report)
        return verdicts, report

    def office_of_account(self, mapping: str, native: str) -> Office:
        """The office on behalf of whoever holds a Keycloak account; somebody unknown may do nothing there.

        Raises `TargetError` where not all was read: half a world must not decide.
        """
        job = replace(self._job(mapping), everybody=True)
        prepared = prepare(job)
        wholly_read(prepared.plan)
        office = self._office(job, prepared)
        accounts = prepared.people.accounts.items()
        holders = (
            person for (person, target), one in accounts if (target, one.native) == ("keycloak", native)
        )
        person = next(holders, "")
        return replace(office, actor=Actor(person), by=person or UNKNOWN)

    def record(
        self, mapping: str, native: str, do: Callable[[Office], Sequence[Verdict]]
    ) -> Sequence[Verdict]:
        """Do something on behalf of whoever holds a Keycloak account, and have a run called for it.

        As in `act`, but what acts give and take is left to the daemon, which is called by the act itself:
        whatever it writes first is written together with the call. Only an account as such is opened
        and closed at once: a lock that waits is no lock.
        """
        store = self._db
        with store.lease(self._known(mapping), API, reconcile.LEASE):
            before = Before.of(store, mapping)
            office = self.office_of_account(mapping, native)
            call = Call(people.new_id("c"), mapping, by=office.by)
            verdicts = do(replace(office, store=store.calling(call)))
            after = Before.of(store, mapping)
            if any(verdict.allowed for verdict in verdicts):
                try:
                    prepare(self._job(mapping))
                except SettingsInvalid:
                    raise
                except MappingInvalid as error:
                    before.restore(store, office.by, after)
                    return [Verdict(one.who, False, str(error), error.problems[0].place) for one in verdicts]
        return verdicts

    def realm(self, mapping: str) -> tuple[str, str, str]:
        """Where the people of a mapping log in: address of the server, realm, file of its certificates.

        Raises `UsageError` where there is no such mapping, or it has no Keycloak.
        """
        document = self._load(self.settings, self._known(mapping)).document
        connection = connections.keycloak_of(self.settings, document)
        if not connection:
            raise UsageError(f"{mapping} has no Keycloak, so nobody logs in")
        server = connections.keycloak_settings(self.settings, connection)
        output = document.keycloak or None
        return server.url, (output.realm if output else None) or server.realm, str(server.ca or "")

    def locks(self, mapping: str) -> list[LockRow]:
        """The accounts that acts or rules of a mapping lock, from the store alone."""
        return lock_rows(self._db, self._known(mapping))

    def called(self) -> dict[str, str]:
        """What waits for a run, from the store alone: record id → mapping.

        While an act of the API is being recorded its mapping waits: a run would find the lease taken.
        """
        acts = self._db.acts
        notes = [one for state in TO_DECIDE for one in acts.all(Redemption, None, state=state)]
        waiting = {one.id: one.mapping for one in (*acts.all(Call, None), *notes)}
        leases = {mapping: self._db.lease_state(mapping) for mapping in set(waiting.values())}
        recorded = {mapping for mapping, lease in leases.items() if lease and lease.holder == API}
        return {id_: mapping for id_, mapping in waiting.items() if mapping not in recorded}

    def _answer_links(self, mapping: str) -> None:
        """Whoever redeemed a link is invited before the plan that shows it; while a run goes on, later."""
        store = self._db
        self._calls = store.acts.all(Call, self._known(mapping))
        if any(store.acts.all(Redemption, mapping, state=state) for state in TO_DECIDE):
            with suppress(Busy), store.lease(mapping, LINKS, reconcile.LEASE):
                office = self.office(mapping, operator=LINKS)
                if (
                    not office.unseen
                ):  # an issuer of whom nothing is known cannot be told to have lost the right
                    process(office)

    def _finish(self, job: Job, report: RunReport) -> None:
        """Keep what waits for approval, and write down in acts what the run made true."""
        self._keep(report.plan)
        if not report.exit_code and report.plan.part != TRUNK:
            write_down(job, report.run)
        if not report.exit_code and not report.plan.is_part:
            self._end_accounts(job, report)
        if not report.plan.is_part:
            self._answered(job.store, report)

    def _answered(self, store: Store, report: RunReport) -> None:
        """Nobody calls any more for what this run did, or for what it asked the runs of parts to do."""
        gone = [call for call in self._calls if call.once or not report.exit_code]
        with suppress(Stale):  # another run answered them
            store.acts.change(gone=gone)

    def _end_accounts(self, job: Job, report: RunReport) -> None:
        """Delete the accounts from which this run took everything, and let applications hear of it."""
        if job.store.acts.all(Lock, job.mapping, state="ending"):
            loaded = self._load(self.settings, job.mapping)
            inviter = people.inviter_of(self.settings, job.mapping, loaded, job.store)
            finish(job, report, inviter.connect if inviter else None)
            people.send_notices(self.settings, job.store, job.mapping)
