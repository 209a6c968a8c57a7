"""Records: stored plans, past runs, the audit trail."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import click

from syncd.cli.run import all_lines
from syncd.cli.session import Session, caller
from syncd.cli.speech import group, option, subcommand
from syncd.locale import gettext as _
from syncd.locale import mark
from syncd.render.documents import document, plain, plan_from_document
from syncd.render.page import Block
from syncd.render.plan import plan_page
from syncd.render.tables import plans_page, run_page, runs_page, sentences_page

plans_command = group("plans")(lambda: None)
runs_command = group("runs")(lambda: None)
audit_command = group("audit")(lambda: None)


@subcommand(plans_command, "list", mark("Stored plans, newest first."))
@click.pass_obj
def plans_list(session: Session) -> int:
    """List."""
    with session.app() as app:
        rows = list(app.plans())
    session.show(plans_page(rows), document("plans", plans=rows))
    return 0


@subcommand(plans_command, "show", mark("One stored plan, as `plan` showed it."))
@click.argument("plan")
@all_lines
@click.pass_obj
def plans_show(session: Session, plan: str, *, everything: bool) -> int:
    """Show."""
    with session.app() as app:
        stored: dict[str, Any] = dict(app.plan_document(plan))
    session.show(plan_page(plan_from_document(stored), everything=everything), stored)
    return 0


@subcommand(plans_command, "approve", mark("Let exactly this plan pass its limits."))
@click.argument("plan")
@option("--as", "who", metavar="PERSON", help=mark("Who approves; by default whoever is logged in here."))
@option("--reason", default="", help=mark("Why; kept in the audit trail."))
@click.pass_obj
def plans_approve(session: Session, plan: str, who: str | None, reason: str) -> int:
    """Approve."""
    name = who or caller()
    with session.app() as app:
        app.approve(plan, name, reason)
    text = _("Plan {plan} is approved by {who}; the next apply of an equal plan carries it out.")
    session.show(
        sentences_page([text.format(plan=plan, who=name)]), document("approved", plan=plan, who=name)
    )
    return 0


@subcommand(plans_command, "refuse", mark("Put this plan away; its changes stay undone."))
@click.argument("plan")
@option("--as", "who", metavar="PERSON", help=mark("Who refuses; by default whoever is logged in here."))
@click.pass_obj
def plans_refuse(session: Session, plan: str, who: str | None) -> int:
    """Refuse."""
    name = who or caller()
    with session.app() as app:
        app.refuse(plan, name)
    text = _("Plan {plan} is refused by {who}.").format(plan=plan, who=name)
    session.show(sentences_page([text]), document("refused", plan=plan, who=name))
    return 0


@subcommand(runs_command, "list", mark("Past runs, newest first."))
@option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help=mark("How many."))
@click.pass_obj
def runs_list(session: Session, limit: int) -> int:
    """List."""
    with session.app() as app:
        rows = list(app.runs(limit))
    session.show(runs_page(rows), document("runs", runs=rows))
    return 0


@subcommand(runs_command, "show", mark("One run and everything it did."))
@click.argument("run")
@click.pass_obj
def runs_show(session: Session, run: str) -> int:
    """Show."""
    with session.app() as app:
        detail = app.run(run)
    session.show(run_page(detail), document("run", run=detail))
    return 0


@subcommand(audit_command, "verify", mark("Check the chain of the audit trail and every signed row."))
@click.pass_obj
def audit_verify(session: Session) -> int:
    """Verify: exit code 1 where a row was altered, added or taken out."""
    with session.app() as app:
        faults = list(app.verify_audit())
    lines = faults or [_("The audit trail is whole.")]
    session.show(sentences_page(lines, good=not faults), document("audit_verification", faults=faults))
    return 1 if faults else 0


@subcommand(audit_command, "export", mark("The whole audit trail as CSV or JSON lines."))
@option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl"]),
    default="csv",
    show_default=True,
    help=mark("The form."),
)
@click.pass_obj
def audit_export(session: Session, form: str) -> int:
    """Export; `--output json` gives one document instead."""
    with session.app() as app:
        rows = [plain(row) for row in app.audit_rows()]
    text = (
        _as_csv(rows)
        if form == "csv"
        else "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    )
    if session.output == "text":
        click.echo(text, nl=False)
    else:
        session.show((Block(literal=tuple(text.splitlines())),), document("audit", rows=rows))
    return 0


def _as_csv(rows: list[dict[str, Any]]) -> str:
    """CSV whose cells no spreadsheet takes for a formula (OWASP CSV injection)."""
    if not rows:
        return ""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow(
            f"'{cell}" if str(cell)[:1] in ("=", "+", "-", "@", "\t", "\r") else cell for cell in row.values()
        )
    return text.getvalue()
