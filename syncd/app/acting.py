"""The application where people act: decided and stored under the lease, made true by a run at once."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from syncd import reconcile
from syncd.acts import Redemption
from syncd.app import people
from syncd.app.office import Before, office_of, write_down
from syncd.errors import Busy, MappingInvalid
from syncd.membership_links import process_redemptions
from syncd.membership_words import Verdict
from syncd.prepare import prepare
from syncd.settings import SettingsInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from syncd.mapping.read import Loaded
    from syncd.membership import Office
    from syncd.model import RunPlan, RunReport
    from syncd.prepare import Job
    from syncd.settings import Settings
    from syncd.store import Store

LINKS = "links"
"""Who is named as holding the lease, and as the operator, while notes of redeemed links are answered."""


class Acting:
    """What an application does on behalf of people; the rest of it is in `App`."""

    settings: Settings

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
        job = self._job(mapping)
        loaded = self._load(self.settings, mapping)
        inviter = people.inviter_of(self.settings, mapping, loaded, job.store)
        return office_of(job, prepare(job), inviter, who, operator)

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
        if not any(verdict.allowed for verdict in verdicts):
            return verdicts, None
        try:
            job = self._job(mapping)
            report = reconcile.apply(job, None, confirmed=False, actor=operator or who, trigger="act")
        except SettingsInvalid:
            raise  # nothing is wrong with the act
        except MappingInvalid as error:
            before.restore(store, operator or who)
            return [Verdict(one.who, False, str(error), error.problems[0].place) for one in verdicts], None
        self._finish(job, report)
        return verdicts, report

    def _answer_links(self, mapping: str) -> None:
        """Whoever redeemed a link is invited before the plan that shows it; while a run goes on, later."""
        store = self._db
        if store.acts.all(Redemption, self._known(mapping), state="recorded"):
            with suppress(Busy), store.lease(mapping, LINKS, reconcile.LEASE):
                process_redemptions(self.office(mapping, operator=LINKS))

    def _finish(self, job: Job, report: RunReport) -> None:
        """Keep what waits for approval, and write down in acts what the run made true."""
        self._keep(report.plan)
        if not report.exit_code:
            write_down(job, report.run)
