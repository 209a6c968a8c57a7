"""The run: under the lease, prepare once more, claim, write, record, wave by wave.

What was reviewed is what runs, or nothing does. A target that cannot be read does not stop another; a
change that fails skips only what needs it; every wave is claimed before it is written and recorded
after, so that a crash at any moment falls on a row of the diff table and the next run heals it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from structlog.contextvars import bound_contextvars

from syncd import plan
from syncd.errors import Refused, SyncdError, TargetError, Waits
from syncd.identity import Person, fold
from syncd.mapping.parts import TRUNK
from syncd.model import ENFORCED, Change, Key, Kind, Op, Outcome, Owned, Plan, Result, RunPlan, RunReport
from syncd.plan_narrow import Narrowing
from syncd.prepare import prepare, wholly_read
from syncd.tracing import span

if TYPE_CHECKING:
    from syncd.prepare import Job, Prepared
    from syncd.store import Lease

WAVE = 200  # changes between two commits of the ledger
ERROR_BUDGET = 50  # failures after which a target is left alone for this run
LEASE = timedelta(minutes=2)
FROZEN = "frozen"
PAUSED = "the mapping was paused meanwhile; the next run does it"
MAINTENANCE = "a maintenance window opened; the next run does it"

Progress = Callable[[int, int], None]


def silent(_done: int, _total: int) -> None:
    """A progress that nobody watches."""


def apply(  # noqa: PLR0913 - who asks, how, and who watches are three things
    job: Job,
    reviewed: RunPlan | None,
    *,
    confirmed: bool,
    actor: str,
    trigger: str = "apply",
    progress: Progress = silent,
) -> RunReport:
    """Make the plan true, under the mapping's lease; `reviewed` is the plan that somebody looked at.

    A plan that was narrowed is carried out as far as it goes. Raises `Refused` where a fresh plan differs
    from the reviewed one, `Busy` where another run holds the lease and `Waits` where it is to wait before
    it wrote anything. Everything else, a stop included, is in the report.
    """
    with (
        span("run", mapping=job.mapping, trigger=trigger),
        job.store.lease(job.mapping, actor, LEASE, job.part) as lease,
    ):
        prepared = prepare(replace(job, confirmed=confirmed), Narrowing.of_plan(reviewed))
        if reviewed is not None and reviewed.digest != prepared.plan.digest:
            raise Refused(
                f"{job.mapping}: what was reviewed ({reviewed.digest[:12]}) is no longer what would happen "
                f"({prepared.plan.digest[:12]}); nothing was changed",
                "look at `syncd plan` again",
            )
        if why := job.waits():
            raise Waits(why)
        narrowed, version = prepared.plan.is_narrowed, job.version
        run = job.store.start_run(job.mapping, trigger, actor, job.part, narrowed=narrowed, version=version)
        approved = _approved(job, prepared)
        persons = dict(prepared.people.persons)
        going = _Run(job, lease, run, prepared, approved, actor, progress, persons)
        with bound_contextvars(run=run):
            try:
                return going.go(confirmed=confirmed)
            except SyncdError as error:
                error.run = run
                if isinstance(error, TargetError):  # what no outcome tells of, mails among it, was broken off
                    job.store.finish_run(run, error.exit_code, str(error), {})
                raise
            except Exception as fault:
                fault.add_note(f"in run {run}")
                raise


def _approved(job: Job, prepared: Prepared) -> bool:
    """Whether this very plan was approved; an approval is used up only by a plan that needs one."""
    shown = prepared.plan
    frozen = any(held.reason == FROZEN for one in shown.plans for held in one.held)
    needs = bool(shown.stops or shown.policy_waiting or frozen)
    return needs and job.store.take_approval(job.mapping, shown.digest, job.now())


@dataclass(frozen=True, slots=True)
class _Run:
    """One run from its first claim to its last record."""

    job: Job
    lease: Lease
    run: str
    prepared: Prepared
    approved: bool
    actor: str
    progress: Progress
    persons: dict[str, Person]

    def go(self, *, confirmed: bool) -> RunReport:
        """Write what is allowed, then say how it went."""
        plans, refusal = self._allowed()
        mails = self.job.advance(self.prepared) if self.job.advance and self._may_mail(plans) else ()
        outcomes: list[Outcome] = []
        total = sum(len(one.changes) for one in plans)
        for one in plans:
            for outcome in self._target(one):
                outcomes.append(outcome)
                self.progress(len(outcomes), total)
        report = replace(self._report(outcomes, refusal), mails=mails)
        if (confirmed or self.approved) and not refusal and not self.prepared.plan.is_part:
            self._accept()
        counts = {result.value: report.count(result) for result in Result}
        self.job.store.finish_run(self.run, report.exit_code, report.message, counts)
        return report

    def _may_mail(self, plans: Sequence[Plan]) -> bool:
        """Mails are part of the run: where a limit or the mode lets nothing be written, none leaves.

        Nor does one with a part of a plan, mails are not sorted by unit: they are the trunk's.
        """
        shown = self.prepared.plan
        whole = self.job.part == TRUNK or not shown.is_part
        return shown.mode == ENFORCED and whole and (bool(plans) or not shown.plans)

    def _allowed(self) -> tuple[list[Plan], str]:
        """The plans that policy and limits let through, and why something is refused, if it is."""
        plans, stops = list(self.prepared.plan.plans), self.prepared.plan.stops
        mode = self.prepared.plan.mode
        if mode != ENFORCED:
            return [], f"policy.mode is {mode}: nothing is written"
        if self.approved:
            return [_thawed(one) for one in plans], ""
        if not stops:
            return plans, ""
        refusal = "; ".join(stop.detail for stop in stops)
        if not all(stop.removals_only for stop in stops):
            return [], refusal
        desired, today = self.prepared.desired, self.job.today
        return [plan.without_removals(one, desired[one.target], today=today) for one in plans], refusal

    def _target(self, one: Plan) -> Iterator[Outcome]:
        """Run one target's plan, wave by wave; each wave is claimed, written and recorded."""
        natives = dict(plan.natives_after(one, self.prepared.natives(one.target)))
        failed: list[Change] = []
        for wave in plan.waves(one.changes):
            for start in range(0, len(wave), WAVE):
                for outcome in self._wave(one.target, wave[start : start + WAVE], natives, failed):
                    if outcome.result is not Result.DONE:
                        failed.append(outcome.change)
                    yield outcome

    def _wave(
        self, name: str, wave: Sequence[Change], natives: dict[Key, str], failed: list[Change]
    ) -> list[Outcome]:
        """Claim, write, record."""
        job, store = self.job, self.job.store
        self.lease.renew()
        ends = self._ends(failed)
        skipped = frozenset(map(id, wave if ends else plan.blocked(wave, failed)))
        reason = ends or "something it needs failed"
        todo = [change for change in wave if id(change) not in skipped]
        self._vouch(todo)
        store.claim(job.mapping, name, self.run, todo)
        with span("write wave", mapping=job.mapping, target=name, changes=len(todo)):
            outcomes = list(self._written(name, todo, natives))
        outcomes += [Outcome(change, Result.SKIPPED, "", reason) for change in wave if id(change) in skipped]
        natives.update(
            {one.change.key: one.native for one in outcomes if one.result is Result.DONE and one.native}
        )
        store.record(job.mapping, name, self.run, outcomes)
        self._pin(name, outcomes)
        return outcomes

    def _ends(self, failed: Sequence[Change]) -> str:
        """Why nothing more is written to a target in this run, empty where more may be."""
        if self.job.stop():
            return "syncd was asked to end; the next run does it"
        if why := self.job.waits():
            return why
        return "too many failures on this target in this run" if len(failed) >= ERROR_BUDGET else ""

    def _written(self, name: str, todo: Sequence[Change], natives: Mapping[Key, str]) -> Iterator[Outcome]:
        """The outcomes of one wave; what only the ledger needs to know is done at once."""
        writes = [change for change in todo if change.writes]
        yield from (Outcome(change, Result.DONE, change.native) for change in todo if not change.writes)
        if not writes:
            return
        answered: set[int] = set()
        try:
            for outcome in self.job.targets[name].apply(writes, natives):
                answered.add(id(outcome.change))
                yield outcome
        except TargetError as error:
            # Before the first write nothing can have happened; later, anything may have.
            result = Result.UNKNOWN if answered else Result.SKIPPED
            open_ = (change for change in writes if id(change) not in answered)
            yield from (Outcome(change, result, "", str(error)) for change in open_)

    def _vouch(self, todo: Sequence[Change]) -> None:
        """Before an account is made its address is noted as ours: after a crash it is known by it."""
        self._know(
            {
                change.key.item[0]: self._with(change, invited=_addresses(change))
                for change in todo
                if change.key.kind is Kind.PERSON and change.op is Op.CREATE
            }
        )

    def _pin(self, name: str, outcomes: Sequence[Outcome]) -> None:
        """Accounts that this run made belong to their person; a refused one proves nothing of its address."""
        learned: dict[str, Person] = {}
        for one in outcomes:
            if one.change.key.kind is not Kind.PERSON or one.change.op is not Op.CREATE:
                continue
            person = one.change.key.item[0]
            if one.result is Result.DONE:
                learned[person] = self._with(one.change, pins={name: one.native})
            elif one.result in (Result.REFUSED, Result.SKIPPED):
                before = self.prepared.people.persons[person].invited
                learned[person] = replace(self.persons[person], invited=before)
        self._know(learned)

    def _with(
        self, change: Change, invited: frozenset[str] = frozenset(), pins: Mapping[str, str] | None = None
    ) -> Person:
        person = self.persons[change.key.item[0]]
        return replace(person, invited=person.invited | invited, pins={**person.pins, **(pins or {})})

    def _know(self, learned: Mapping[str, Person]) -> None:
        if learned:
            before = [self.persons[person] for person in learned]
            self.persons.update(learned)
            self.job.store.save_persons(learned.values(), known=before)

    def _accept(self) -> None:
        """A run that somebody confirmed, or whose plan was approved, is the first approved plan.

        An approval takes a loosened policy along.
        """
        store, mapping = self.job.store, self.job.mapping
        self.job.files.keep(self.approved)
        if not store.first_apply_done(mapping):
            store.mark_first_apply(mapping, self.run)
        if self.approved or not self.prepared.plan.policy_waiting:
            store.save_policy(mapping, self.prepared.policies.document(), self.actor)

    def _report(self, outcomes: Sequence[Outcome], refusal: str) -> RunReport:
        failed = self.prepared.plan.failed
        if failed:
            code = TargetError.exit_code
        elif refusal:
            code = Refused.exit_code
        else:
            code = int(any(outcome.result is not Result.DONE for outcome in outcomes))
        message = "; ".join([*failed.values(), *([refusal] if refusal else [])])
        return RunReport(self.run, self.prepared.plan, tuple(outcomes), code, message)


def _thawed(one: Plan) -> Plan:
    """The plan with the removals that waited for a healthy source: approval is what they waited for."""
    frozen = [held.change for held in one.held if held.reason == FROZEN]
    held = [held for held in one.held if held.reason != FROZEN]
    return replace(one, changes=[*one.changes, *frozen], held=held)


def _addresses(change: Change) -> frozenset[str]:
    return frozenset(fold(text) for name in ("email", "mail") for text in change.attrs.get(name, ()))


def rebuild(job: Job, actor: str) -> list[str]:
    """Take into the ledger what carries this mapping's mark on the servers and is named by the files.

    For a lost ledger. Containers and accounts only carry marks; memberships are taken back where the
    files ask for them, in groups that are ours. Raises `TargetError` where a server was not read.
    """
    found: list[str] = []
    with job.store.lease(job.mapping, actor, LEASE):
        prepared = prepare(job)
        wholly_read(prepared.plan)
        for name, desired in prepared.desired.items():
            natives = prepared.natives(name)
            rows = [
                Owned(key, natives.get(key, ""), attrs, desired.origins[key])
                for key, attrs in desired.state.items()
                if prepared.ours(name, key)
            ]
            count = job.store.rebuild(job.mapping, name, rows)
            found += [f"{name}: {count} facts taken back into the ledger"] if count else []
    return found
