"""The application: the only place where settings become concrete stores and targets.

Commands call it, it calls `reconcile`. Every method may raise a `SyncdError`; nothing here prints.
"""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from syncd import reconcile
from syncd import settings as settings_module
from syncd.acts import Grant, Invitation, InvitationState
from syncd.app import connections, files, people, standing
from syncd.app.acting import Acting
from syncd.app.compilations import Compilations, Given
from syncd.app.examination import doctor
from syncd.app.explain import explanations
from syncd.app.in_parts import InParts
from syncd.app.neighbours import Neighbours
from syncd.app.rosters import Reader
from syncd.app.setup import bootstrap, integrity_key
from syncd.app.telling import Telling
from syncd.app.timing import Timing
from syncd.app.validation import validate_paths
from syncd.app_types import AuditRow, HeldRow, PlanRow, RunDetail, RunRow
from syncd.errors import NotApart, Refused, SyncdError, TargetError, UsageError
from syncd.mapping import limits, outputs
from syncd.mapping.compile import compile_mapping, needs_of
from syncd.mapping.json_schema import json_schema
from syncd.mapping.parts import TRUNK, WHOLE, homes, part_of
from syncd.mapping.suggestions import meant_or_listed
from syncd.model import ENFORCED, Change, Op, Outcome, Result
from syncd.plan_narrow import Narrowing
from syncd.prepare import Files, Job, prepare, wholly_read
from syncd.render.documents import plan_document
from syncd.store import open_store
from syncd.store.parts import own

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from syncd.app_types import Explanation, ValidationResult
    from syncd.inviting import Inviter
    from syncd.mapping.compiled import Compiled
    from syncd.mapping.read import Loaded
    from syncd.model import Check, Mailed, Owned, RunPlan, RunReport
    from syncd.prepare import Prepared
    from syncd.settings import Settings
    from syncd.store import AuditRow as StoredAuditRow
    from syncd.store import Store, StoredPlan, StoredRun
    from syncd.targets import Target

__all__ = ["App", "bootstrap", "validate_paths"]


class App(Acting, InParts, Telling):
    """One operator's file, its store, and everything that can be done with them."""

    def __init__(  # noqa: PLR0913 - what is other for a daemon, each by name
        self,
        settings: Settings,
        *,
        load: Callable[[Settings, str], Loaded] = files.load_mapping,
        stop: Callable[[], bool] = lambda: False,
        waits: Callable[[], str] = lambda: "",
        trigger: str = "sync",
        remembers: bool = False,
        neighbours: Neighbours | None = None,
        compilations: Compilations | None = None,
    ) -> None:
        """All but `settings` are the daemon's: what is in force, when to end and why to wait, why it runs,
        whether it goes on from what its last run read, and what it worked out before. By hand everything is
        read, and nothing waits.
        """
        self.settings = settings
        self._load = load
        self._stop = stop
        self._waits = waits
        self._trigger = trigger
        self._remembers = remembers
        self._neighbours = neighbours or Neighbours()
        self._compilations = compilations or Compilations()
        self._store: Store | None = None
        self._open: list[Target] = []

    @classmethod
    def open(cls, config: Path | None = None, overrides: dict[str, Any] | None = None) -> Self:
        """Read the operator's file; raises `UsageError` where there is none."""
        return cls(settings_module.load(config, overrides))

    def close(self) -> None:
        """End every connection."""
        for target in self._open:
            target.close()
        if self._store is not None:
            self._store.close()

    # --- mappings -------------------------------------------------------------------------------------

    def mapping_names(self) -> list[str]:
        """The mappings of the operator's file, in its order."""
        return list(self.settings.mappings)

    def validate(self, mapping: str | None = None) -> ValidationResult:
        """Read and check one mapping or all, rosters included, without a server."""
        names = [self._known(mapping)] if mapping else self.mapping_names()
        return validate_paths(
            [self.settings.mappings[name].from_ for name in names], settings=self.settings, names=names
        )

    def schema(self, mapping: str) -> dict[str, Any]:
        """A JSON Schema with the mapping's own kinds and roles."""
        return json_schema(self._load(self.settings, self._known(mapping)).document)

    def plan(
        self, mapping: str, *, only: str | None = None, target: str | None = None, confirmed: bool = True
    ) -> RunPlan:
        """What a run would do now, one that somebody confirms or not.

        It is kept for approval where something stops it or waits, to be looked at where it is simulated.
        """
        self._answer_links(mapping)
        job = replace(self._job(mapping), confirmed=confirmed)
        plan = prepare(job, Narrowing(only, target)).plan
        self._keep(plan)
        return plan

    def apply(  # noqa: PLR0913 - what, who says so, who watches, and how much of it
        self,
        mapping: str,
        plan: RunPlan | None,
        *,
        confirmed: bool,
        actor: str,
        progress: reconcile.Progress = reconcile.silent,
        part: str = WHOLE,
    ) -> RunReport:
        """Carry out the plan that was shown, narrowed as it was, if a fresh one equals it.

        A part has no plan that was shown. Raises `NotApart` where only a run of the whole can judge.
        """
        trigger = "apply" if confirmed else self._trigger
        if plan is None and part in (WHOLE, TRUNK):
            self._answer_links(mapping)
        job = self._job(mapping, part)
        report = reconcile.apply(
            job, plan, confirmed=confirmed, actor=actor, trigger=trigger, progress=progress
        )
        self._finish(job, report)
        return report

    def held(self, mapping: str) -> list[HeldRow]:
        """Every change that waits; raises `TargetError` rather than say none where not all was read."""
        plan = prepare(self._job(mapping)).plan
        rows = [
            HeldRow(mapping, one.target, held, plan.names.get(held.change.origin.person, ""))
            for one in plan.plans
            for held in one.held
        ]
        if not rows:
            wholly_read(plan)
        return rows

    def adopt(self, mapping: str, path: str, who: str) -> list[str]:
        """Approve the adoption of everything that waits for it at `path` or below; the next run takes it."""
        taken = []
        for row in self.held(mapping):
            change = row.held.change
            if row.held.reason == "adoption" and _lies_at(change, path):
                self._db.approve_adoption(mapping, row.target, change.key, who)
                taken.append(f"{row.target}: {change.key}")
        return taken

    def release(self, mapping: str, who: str) -> int:
        """Forget everything that the mapping owns, leaving it where it is; the number of rows."""
        job = self._job(mapping)
        count = 0
        with job.store.lease(mapping, who, reconcile.LEASE):
            run = job.store.start_run(mapping, "release", who, narrowed=True)
            for name in job.targets:
                rows = job.store.owned(mapping, name)
                job.store.record(mapping, name, run, [_forgotten(row) for row in rows])
                job.store.drop_reading(mapping, name)
                count += len(rows)
            job.store.finish_run(run, 0, "released", {"done": count})
        return count

    def explain(self, person: str, unit: str | None = None) -> list[Explanation]:
        """Why the person holds, or waits for, what they hold: rule, line and source.

        Raises `TargetError` for nothing where not all was read.
        """
        whole = [prepare(self._job(name)) for name in self.mapping_names()]
        found = [row for one in whole for row in explanations(one, person, unit)]
        if not found:
            for one in whole:
                wholly_read(one.plan)
        return found

    # --- how things stand -----------------------------------------------------------------------------

    def holders(self, natives: Collection[str]) -> set[str]:
        """The mappings that hold something by one of these ids; for telling whom to look at, no more."""
        return self._db.holders(natives)

    def doctor(self) -> list[Check]:
        """Every connection, its rights and its surroundings examined; nothing is written."""
        compiled: dict[str, Compiled] = {}
        broken: dict[str, SyncdError] = {}
        for name in self.mapping_names():
            try:
                compiled[name] = self._compiled(name)
            except SyncdError as error:
                broken[name] = error
        return doctor(self.settings, self.db_check, compiled, broken)

    def runs(self, limit: int = 50) -> list[RunRow]:
        """The runs, newest first."""
        return [_run_row(run) for run in self._db.runs(limit=limit)]

    def run(self, run: str) -> RunDetail:
        """One run with everything it did."""
        found = self._db.run(run)
        if found is None:
            raise UsageError(f'there is no run "{run}"', "`syncd runs list` has them")
        return RunDetail(_run_row(found), tuple(map(_audit_row, found.outcomes)))

    def plans(self) -> list[PlanRow]:
        """The plans that were kept, newest first."""
        return [_plan_row(plan) for plan in self._db.plans()]

    def plan_document(self, plan: str) -> dict[str, Any]:
        """A kept plan, as it was shown."""
        stored = self._db.plan(plan)
        if stored.document is None:
            raise Refused(f"plan {stored.id} named a person who was erased since", "make a new plan")
        return dict(stored.document)

    def approve(self, plan: str, who: str, reason: str = "") -> None:
        """Let exactly this plan pass its limits, once, within 24 hours."""
        approvers = self.settings.operators.approvers
        if approvers and who not in approvers:
            place = self.settings.place("operators", "approvers")
            raise Refused(f"{who} may not approve plans", f"{place} names {', '.join(approvers)}")
        self._db.approve(plan, who, reason)

    def refuse(self, plan: str, who: str) -> None:
        """Mark a plan as not wanted."""
        self._db.refuse(plan, who)

    def audit_rows(self) -> list[AuditRow]:
        """The audit trail, newest first."""
        return [_audit_row(row) for row in self._db.audit()]

    def verify_audit(self) -> list[str]:
        """Every break in the audit trail."""
        return [str(row) for row in self._db.verify_audit()]

    def timing(self) -> Timing:
        """When mappings are due, and whether their runs wait."""
        return Timing(self.settings, self._db, self._load)

    def invitation_states(self, mapping: str) -> dict[str, int]:
        """How many invitations of the mapping stand how; every state is there."""
        found = Counter(one.state for one in self._db.acts.all(Invitation, mapping))
        return {state.value: found[state] for state in InvitationState}

    # --- setting up -----------------------------------------------------------------------------------

    def db_upgrade(self) -> list[str]:
        """Bring the store to this program's schema."""
        return self._raw_store().upgrade()

    def db_check(self) -> list[str]:
        """Everything wrong with the store."""
        return self._raw_store().check()

    def db_grant(self, login: str, *, only_show: bool) -> list[str]:
        """Let a database login look at the store and hand errands over, no more; the statements for it."""
        return self._db.grant(login, only_show=only_show)

    def db_rebuild(self, mapping: str) -> list[str]:
        """Take back into a lost ledger what carries this mapping's mark on the servers."""
        job = self._job(mapping)
        return reconcile.rebuild(job, "db rebuild")

    # --- inside ---------------------------------------------------------------------------------------

    def _known(self, mapping: str) -> str:
        if mapping not in self.settings.mappings:
            hint = meant_or_listed(mapping, self.settings.mappings)
            raise UsageError(f'there is no mapping "{mapping}" in {self.settings.file}', hint)
        return mapping

    def _raw_store(self) -> Store:
        if self._store is None:
            url = self.settings.store_url().get_secret_value()
            self._store = open_store(url, integrity_key(self.settings))
        return self._store

    @property
    def _db(self) -> Store:
        store = self._raw_store()
        store.ready()
        return store

    def _files(self, mapping: str) -> tuple[Compiled, Files]:
        """The mapping's files, compiled with what acts gave, and within its reach."""
        loaded = self._load(self.settings, self._known(mapping))
        return self._compiled_files(mapping, loaded)

    def _compiled_files(self, mapping: str, loaded: Loaded) -> tuple[Compiled, Files]:
        one, now = self.settings.mappings[mapping], datetime.now(UTC)
        network, folder = connections.network(self.settings), files.folder_of(one.from_)
        shrink = limits.overlay(limits.operator_policy(one.policy), loaded.document.policy).source_shrink or 0
        reader = Reader(loaded, folder, self.settings.sources, network, self._db, mapping, now)
        sources = reader.read(needs_of(loaded), shrink)
        acts, today = self._db.acts.all(Grant, mapping), files.today_of(loaded, now)

        def compiled_now() -> Compiled:
            compiled = compile_mapping(loaded, sources.rosters, today, sources.groups, acts)
            if not connections.has_keycloak(self.settings):
                compiled = replace(compiled, keycloak=None)
            files.check_reach(self.settings, mapping, loaded, compiled)
            return compiled

        if files.split_into(self.settings, mapping, loaded):
            given = Given(loaded.digest, sources.rosters, sources.groups, today, acts)
            compiled = self._compilations.of(self.settings, mapping, given, compiled_now)
        else:
            self._compilations.forget(mapping)
            compiled = compiled_now()
        result = Files(
            compiled,
            loaded.places,
            sources.health,
            lambda approved: sources.keep(self._db, mapping, now, approved=approved),
            standing.roster_people(loaded.document, sources, self._db, mapping),
        )
        return compiled, result

    def _compiled(self, mapping: str) -> Compiled:
        return self._files(mapping)[0]

    def _compiled_or_none(self, mapping: str) -> Compiled | None:
        try:
            return self._compiled(mapping)
        except SyncdError:
            return None

    def _job(self, mapping: str, part: str = WHOLE) -> Job:
        store, of_root = self._db, part not in (WHOLE, TRUNK)
        loaded = self._load(self.settings, self._known(mapping))
        inviter = people.inviter_of(self.settings, mapping, loaded, store)
        if inviter is not None and not of_root:
            inviter.settle()
        compiled, read = self._compiled_files(mapping, loaded)
        self._neighbours.refuse_clashes(self.settings, mapping, compiled)
        for former in compiled.formerly:
            store.renamed_mapping(former, mapping)
        if of_root and (part[1:],) not in compiled.units:
            raise NotApart(f"{mapping} has no root unit {part} any more")
        read = replace(read, compiled=part_of(compiled, part))
        marker = f"{self.settings.environment}/{mapping}"
        targets: dict[str, Target] = {}
        unbuilt: dict[str, str] = {}
        servers: dict[str, str] = {}
        may_write = partial(store.may_write, mapping, part)
        remembers = self._remembers and not of_root  # what a root unit has in a directory is soon read
        for output, connection in connections.outputs_of(self.settings, compiled).items():
            servers[output] = connections.server(self.settings, connection)
            try:
                keeper = (
                    connections.keeper(self.settings, store, own(mapping, part), output)
                    if remembers or (self._remembers and output == outputs.KEYCLOAK)
                    else None
                )
                targets[output] = connections.target(
                    self.settings, compiled, output, connection, marker, may_write=may_write, keeper=keeper
                )
            except TargetError as error:
                unbuilt[output] = error.in_one_line
        self._open += targets.values()
        job = Job(
            mapping=mapping,
            environment=self.settings.environment,
            files=read,
            targets=targets,
            store=store,
            operator=limits.operator_policy(self.settings.mappings[mapping].policy),
            reach=files.reach_of(self.settings, mapping),
            new_id=lambda: f"p_{secrets.token_hex(8)}",
            now=lambda: datetime.now(UTC),
            servers=servers,
            unbuilt=unbuilt,
            locked=people.locked(store, mapping, "disabled"),
            freed=people.locked(store, mapping, "enabled"),
            deleted=people.locked(store, mapping, "deleted"),
            waiting=inviter.waiting() if inviter else {},
            stop=self._stop,
            waits=self._waits,
            part=part,
            version=loaded.digest,
            homes=homes(compiled) if part else {},
        )
        if of_root:
            return job  # rules about accounts, invitations and mails are the trunk's
        others = [name for name in self.mapping_names() if name != mapping]
        return replace(
            job, judge=standing.judge(job, read.rosters, others), advance=self._advance(job, inviter)
        )

    def _advance(self, job: Job, inviter: Inviter | None) -> Callable[[Prepared], Sequence[Mailed]]:
        def advance(prepared: Prepared) -> Sequence[Mailed]:
            doors = standing.Keeper(job, prepared, inviter.connect if inviter else None).keep()
            standing.announce_ends(job, prepared)
            return [*doors, *people.advance(self.settings, inviter, job, prepared)]

        return advance

    def _keep(self, plan: RunPlan) -> None:
        simulated = plan.mode != ENFORCED and plan.changes
        if simulated or plan.stops or plan.held or plan.policy_waiting:
            stops = [stop.detail for stop in plan.stops]
            now, document = datetime.now(UTC), plan_document(plan)
            self._db.save_plan("", plan.mapping, plan.digest, document, stops, now, plan.part)


def _lies_at(change: Change, path: str) -> bool:
    top = "/" + path.strip("/")
    places = (change.origin.unit, "/" + "/".join(change.key.place))
    return any(place == top or place.startswith(f"{top}/") for place in places)


def _forgotten(row: Owned) -> Outcome:
    change = Change(Op.FORGET, row.key, native=row.native, origin=row.origin)
    return Outcome(change, Result.DONE)


def _run_row(run: StoredRun) -> RunRow:
    return RunRow(
        id=run.id,
        mapping=run.mapping,
        part=run.part,
        started=run.started.isoformat(),
        finished=run.finished.isoformat() if run.finished else "",
        trigger=run.trigger,
        actor=run.actor,
        exit_code=run.exit_code or 0,
        done=run.counts.get("done", 0),
        failed=run.counts.get("refused", 0) + run.counts.get("unknown", 0),
        skipped=run.counts.get("skipped", 0),
        message=run.message or ("interrupted" if run.state == "interrupted" else ""),
    )


def _plan_row(plan: StoredPlan) -> PlanRow:
    totals = (plan.document or {}).get("totals", {})
    return PlanRow(
        id=plan.id,
        mapping=plan.mapping,
        digest=plan.digest,
        created=plan.created.isoformat(),
        state=plan.state,
        changes=totals.get("changes", 0),
        held=totals.get("held", 0),
        stops=totals.get("stops", 0),
        who=plan.approval.who if plan.approval else plan.refused_by,
        reason=plan.approval.reason if plan.approval else "",
    )


def _audit_row(row: StoredAuditRow) -> AuditRow:
    return AuditRow(
        at=row.at.isoformat(),
        actor=row.actor,
        run=row.run,
        action=row.event,
        target=row.target,
        subject=str(row.key) if row.key else "",
        result=row.result,
        detail=str((row.detail or {}).get("detail", "")),
    )
