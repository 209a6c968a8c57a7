"""The daily loop: plan, apply, sync."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncd.cli.progress import Bar, reading
from syncd.cli.session import Session, caller, chosen, only_one
from syncd.cli.speech import command, option
from syncd.errors import Problem, Refused, UsageError
from syncd.locale import gettext as _
from syncd.locale import mark
from syncd.locale.told import told
from syncd.model import Op
from syncd.render.documents import plan_document, plan_from_document, report_document
from syncd.render.plan import limit_name, plan_page, stop_text
from syncd.render.problems import github_annotations, github_command
from syncd.render.tables import report_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncd.app import App
    from syncd.model import RunPlan, RunReport

SCHEDULED = "schedule"
YES = ("yes", "oui")

only_option = option("--only", metavar="PATH", help=mark("Only this unit and all below."))
target_option = option(
    "--target", metavar="NAME", help=mark("Only this target: keycloak, ldap or ldap:NAME.")
)
all_lines = option("--all", "everything", is_flag=True, help=mark("Open everything that is folded."))
mapping_argument = click.argument("mapping", required=False)


@command(
    "plan",
    more=mark(
        "Exit codes: 0, or 2 with --detailed-exitcode where changes are pending; 3 where a limit stops "
        "the plan; 4 where a server could not be read."
    ),
)
@mapping_argument
@option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help=mark("Write the plan as JSON, for apply --plan."),
)
@only_option
@target_option
@option("--detailed-exitcode", is_flag=True, help=mark("Answer 2 where changes are pending."))
@all_lines
@click.pass_obj
def plan_command(
    session: Session, /, mapping: str | None, *, out: Path | None, detailed_exitcode: bool, **how: Any
) -> int:
    """Plan each mapping and show it."""
    everything = how.pop("everything")
    with session.app() as app:
        names = [only_one(app, mapping)] if out else chosen(app, mapping)

        def show(name: str) -> int:
            with reading(session, name):
                plan = app.plan(name, **how)
            if out:
                _write_plan(out, plan)
            session.show(plan_page(plan, everything=everything), plan_document(plan), _annotations(plan))
            return plan_code(plan, detailed=detailed_exitcode)

        return session.for_each(names, show)


@command(
    "apply",
    more=mark(
        "MAPPING may also be the file of a plan. A reviewed plan is carried out only if a fresh one is "
        "equal to it; it needs no further yes. With --only or --target no mail leaves, and nothing of "
        "the rest is confirmed."
    ),
)
@mapping_argument
@option(
    "--plan",
    "plan_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=mark("Carry out this reviewed plan (from plan --out), or nothing."),
)
@only_option
@target_option
@option("--yes", is_flag=True, help=mark("Do not ask; limits and approvals hold all the same."))
@all_lines
@click.pass_obj
def apply_command(
    session: Session,
    /,
    mapping: str | None,
    plan_file: Path | None,
    *,
    yes: bool,
    everything: bool,
    **narrowing: str | None,
) -> int:
    """Show, ask, carry out."""
    if plan_file is None and mapping and mapping.endswith(".json") and Path(mapping).is_file():
        plan_file, mapping = Path(mapping), None
    if not (yes or plan_file or session.interactive()):
        raise UsageError(
            _("There is nobody here to ask."), _("Use --yes, or --plan FILE with a plan that was reviewed.")
        )
    if plan_file and any(narrowing.values()):
        raise UsageError(
            _("A reviewed plan says itself how far it goes."), _("Give --only and --target to syncd plan.")
        )
    reviewed = _read_plan(plan_file, mapping) if plan_file else None
    with session.app() as app:
        names = chosen(app, reviewed.mapping if reviewed else mapping)

        def run(name: str) -> int:
            plan = reviewed or _fresh(session, app, name, **narrowing)
            if session.output in ("text", "markdown"):
                session.show(plan_page(plan, everything=everything), plan_document(plan))
            if not (yes or reviewed) and plan.changes:
                _ask(plan)
            return _carry_out(session, app, plan, confirmed=True, actor=caller())

        return session.for_each(names, run)


@command("sync")
@mapping_argument
@click.pass_obj
def sync_command(session: Session, mapping: str | None) -> int:
    """Plan and carry out, unasked; not a confirmation, so a new mapping stays additive."""
    with session.app() as app:
        return session.for_each(
            chosen(app, mapping),
            lambda name: _carry_out(
                session, app, _fresh(session, app, name, confirmed=False), confirmed=False, actor=SCHEDULED
            ),
        )


def _fresh(session: Session, app: App, name: str, **how: Any) -> RunPlan:
    with reading(session, name):
        return app.plan(name, **how)


def plan_code(plan: RunPlan, *, detailed: bool) -> int:
    """The exit code of a plan that is only shown."""
    if plan.failed:
        return 4
    if plan.stops:
        return Refused.exit_code
    return 2 if detailed and plan.changes else 0


def _carry_out(session: Session, app: App, plan: RunPlan, *, confirmed: bool, actor: str) -> int:
    with Bar(_("Applying {mapping}").format(mapping=plan.mapping), wanted=not session.quiet) as bar:
        report = app.apply(plan.mapping, plan, confirmed=confirmed, actor=actor, progress=bar)
    session.show(report_page(report), report_document(report), _report_annotations(report))
    return int(report.exit_code)


def _ask(plan: RunPlan) -> None:
    if any(not stop.removals_only for stop in plan.stops):
        raise Refused(
            _("A limit stops this plan; nothing was changed."),
            _("Approve it first: syncd plans approve {plan}").format(plan=plan.digest[:12]),
        )
    removals = sum(change.op is Op.DELETE for part in plan.plans for change in part.changes)
    question = _("Carry out {changes} changes, {removals} of them removals? Only yes is taken for an answer")
    answer = click.prompt(
        question.format(changes=plan.changes, removals=removals), default="", show_default=False, err=True
    )
    if answer.strip().lower() not in YES:
        raise Refused(_("Not confirmed; nothing was changed."))


def _write_plan(file: Path, plan: RunPlan) -> None:
    text = json.dumps(plan_document(plan), ensure_ascii=False, indent=2) + "\n"
    _or_usage(lambda: file.write_text(text, "utf-8"), file)


def _read_plan(file: Path, mapping: str | None) -> RunPlan:
    raw: bytes = _or_usage(file.read_bytes, file)
    try:
        plan = plan_from_document(json.loads(raw))
    except (ValueError, RecursionError) as error:  # JSON's own errors and undecodable text are ValueErrors
        raise UsageError(f"{file}: {error}", _("Write one with: syncd plan MAPPING --out FILE")) from error
    if mapping not in (None, plan.mapping):
        raise UsageError(_("{file} is a plan of {mapping}.").format(file=file, mapping=plan.mapping))
    return plan


def _or_usage(act: Callable[[], Any], file: Path) -> Any:
    try:
        return act()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error


def _annotations(plan: RunPlan) -> list[str]:
    """What a plan says on a pull request: stops and unread servers as errors, what is held at its line."""
    lines = [
        github_command("error", f"{target}: {told(message)}")
        for target, message in sorted(plan.failed.items())
    ]
    for stop in plan.stops:
        text = f"{limit_name(stop.limit)}: {stop_text(stop)}; {told(stop.detail)}"
        lines.append(github_command("error", text))
    waiting = [held for part in plan.plans for held in part.held if held.change.origin.place is not None]
    lines += github_annotations(
        Problem(
            held.change.origin.place,
            held.change.origin.unit,
            f"{held.reason}: {held.detail}",
            severity="warning",
        )
        for held in waiting
        if held.change.origin.place is not None
    )
    summary = _("{mapping}: {changes} changes, {held} held").format(
        mapping=plan.mapping, changes=plan.changes, held=plan.held
    )
    return [*lines, github_command("notice", summary)]


def _report_annotations(report: RunReport) -> list[str]:
    level = "error" if report.exit_code else "notice"
    text = " ".join(line for block in report_page(report) for line in (block.title, *block.lines) if line)
    return [github_command(level, text)]
