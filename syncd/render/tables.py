"""Everything that is a list: reports, held changes, status, plans, runs, checks, explanations, settings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from syncd.locale import gettext as _
from syncd.locale import mark, ngettext, number
from syncd.locale.told import told
from syncd.model import Result, RunReport
from syncd.render.lines import held_line, place_text, subject, symbol, told_once, unit_of
from syncd.render.page import Block, Page, Tone
from syncd.render.plan import SHOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.app_types import AuditRow, Explanation, HeldRow, PlanRow, RunDetail, RunRow
    from syncd.model import Check, Outcome

RESULTS = {
    "done": mark("done"),
    "refused": mark("refused"),
    "skipped": mark("skipped"),
    "unknown": mark("no answer"),
    "pending": mark("pending"),
    "approved": mark("approved"),
    "applied": mark("applied"),
    "superseded": mark("superseded"),
    "running": mark("running"),
    "interrupted": mark("interrupted"),
    "0": mark("done"),
    "1": mark("partial"),
    "3": mark("refused"),
    "4": mark("server not reached"),
    "65": mark("input invalid"),
    "75": mark("busy"),
    "held by the person": mark("held by the person"),
    "will be given": mark("will be given"),
    "will be removed": mark("will be removed"),
    "invitation": mark("invitation"),
    "resend": mark("invitation, sent again"),
    "reminder": mark("reminder"),
    "account": mark("account"),
    "notice": mark("notice"),
    "withdrawn": mark("withdrawn"),
    "sent": mark("sent"),
    "made": mark("made"),
    "accepted": mark("accepted"),
    "ok": mark("ok"),
    "warn": mark("warning"),
    "fail": mark("failed"),
}

_CHECKS = {"ok": "✓", "warn": "~", "fail": "✗"}


def word(code: str) -> str:
    """A state or result in the language in force; what is not known is shown as it is."""
    return _(RESULTS.get(code, code))


def moment(time: str) -> str:
    """An ISO 8601 time in UTC as people read it, to the second; what is none is shown as it is."""
    try:
        return datetime.fromisoformat(time).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except ValueError:
        return time


def report_page(report: RunReport) -> Page:
    """How a run ended: one sentence, then what did not work, then what was left waiting."""
    bad = [outcome for outcome in report.outcomes if outcome.result is not Result.DONE]
    title = _("Run {run} of {mapping}").format(run=report.run, mapping=report.plan.mapping)
    lines = [_summary(report)]
    if report.message not in ("", "; ".join(report.plan.failed.values())):
        lines.append(told(report.message))
    if report.plan.held:
        held = ngettext("{n} change waits", "{n} changes wait", report.plan.held).format(
            n=number(report.plan.held)
        )
        lines.append(f"{held} (syncd held {report.plan.mapping})")
    tone = Tone.DANGER if report.exit_code else Tone.GOOD
    failed = tuple(("✗", target, told(message)) for target, message in sorted(report.plan.failed.items()))
    blocks = [Block(title, rows=failed, lines=tuple(lines), tone=tone), _mails(report)]
    if bad:
        blocks.append(_outcomes(bad, report))
    return tuple(blocks)


def _mails(report: RunReport) -> Block:
    """What left, was made or failed of the invitations; empty where there was nothing."""
    rows = tuple((mail.address, word(mail.what), word(mail.result)) for mail in report.mails)
    return Block(_("Invitations") + f" ({number(len(rows))})", rows=rows) if rows else Block()


def _summary(report: RunReport) -> str:
    counts = ((result, report.count(result)) for result in Result)
    parts = [f"{number(count)} {word(result)}" for result, count in counts if count]
    if parts:
        return ", ".join(parts)
    return _("Nothing was written.") if report.exit_code else _("Nothing to change.")


def _outcomes(bad: Sequence[Outcome], report: RunReport) -> Block:
    shown = bad[:SHOWN]
    rows = tuple(
        (
            f"✗ {symbol(outcome.change)}",
            word(outcome.result),
            subject(outcome.change.key, report.plan.names),
            unit_of(outcome.change),
            place_text(outcome.change.origin.place, outcome.change.origin.source),
            told(outcome.detail),
        )
        for outcome in shown
    )
    more = len(bad) - len(shown)
    lines = (
        (_("… and {n} more: syncd runs show {run}").format(n=number(more), run=report.run),) if more else ()
    )
    headings = ("", _("result"), _("who or what"), _("unit"), _("written at"), _("why"))
    return Block(_("Not done"), headings, rows, lines, tone=Tone.DANGER)


def held_page(rows: Sequence[HeldRow]) -> Page:
    """What waits, in which mapping, why, and how it is let go."""
    if not rows:
        return (Block(lines=(_("Nothing is held."),)),)
    cells = []
    for row in rows:
        line = held_line(row.held, {row.held.change.key.item[0]: row.person} if row.person else {})
        cells.append(
            (line.symbol, row.mapping, row.target, line.what, line.unit, line.role, line.where, line.note)
        )
    headings = ("", _("mapping"), _("on"), _("who or what"), _("unit"), _("role"), _("written at"), _("why"))
    title = _("Held") + f" ({number(len(rows))})"
    hint = _("What waits for adoption is taken with: syncd adopt PATH")
    adoption = any(row.held.reason == "adoption" for row in rows)
    told, reasons = told_once(cells)
    return (Block(title, headings, told, (*reasons, *((hint,) if adoption else ())), tone=Tone.WARN),)


def explain_page(person: str, rows: Sequence[Explanation]) -> Page:
    """Why a person has what they have."""
    if not rows:
        return (
            Block(
                lines=(
                    _("{person} holds nothing here and waits for nothing.").format(person=person),
                    _("`syncd members list` has the names of everybody who does."),
                )
            ),
        )
    headings = (_("unit"), _("role"), _("on"), _("state"), _("because of"), _("written at"))
    cells = tuple(
        (row.unit, row.role, row.target, word(row.state), row.rule, place_text(row.place, row.source))
        for row in rows
    )
    return (Block(person, headings, cells),)


def checks_page(checks: Sequence[Check]) -> Page:
    """`doctor`: a line for each check; the remedy stands under its check."""
    blocks = []
    for check in checks:
        remedy = (told(check.remedy),) if check.remedy and check.status != "ok" else ()
        sign = _CHECKS.get(check.status, "?")
        blocks.append((f"{sign} {word(check.status)}", check.name, told(check.detail), *remedy))
    width = max((len(row) for row in blocks), default=0)
    rows = tuple((*row, *("",) * (width - len(row))) for row in blocks)
    bad = sum(check.status == "fail" for check in checks)
    warned = sum(check.status == "warn" for check in checks)
    summary = _("{bad} failed, {warned} warnings, {all} checks").format(
        bad=bad, warned=warned, all=len(checks)
    )
    headings = ("", _("check"), _("found"), _("what to do"))[: max(width, 3)]
    return (Block(columns=headings, rows=rows), Block(lines=(summary,)))


def plans_page(rows: Sequence[PlanRow]) -> Page:
    """Stored plans, as the store gives them."""
    if not rows:
        return (Block(lines=(_("No plan is stored."),)),)
    headings = (
        _("plan"), _("mapping"), _("made"), _("state"),
        _("changes"), _("held"), _("stops"), _("who"), _("reason"),
    )  # fmt: skip
    cells = tuple(
        (
            row.id,
            row.mapping,
            moment(row.created),
            word(row.state),
            *map(number, (row.changes, row.held, row.stops)),
            row.who,
            row.reason,
        )
        for row in rows
    )
    return (Block(columns=headings, rows=cells),)


def runs_page(rows: Sequence[RunRow]) -> Page:
    """Runs, as the store gives them."""
    if not rows:
        return (Block(lines=(_("There has been no run."),)),)
    headings = (
        _("run"), _("mapping"), _("began"), _("ended"), _("by"), _("exit"),
        _("done"), _("failed"), _("skipped"), _("message"),
    )  # fmt: skip
    return (Block(columns=headings, rows=tuple(_run_cells(row) for row in rows)),)


def run_page(detail: RunDetail) -> Page:
    """One run and every line of its audit trail."""
    return (*runs_page([detail.row]), *audit_page(detail.lines))


def _run_cells(row: RunRow) -> tuple[str, ...]:
    by = " ".join(part for part in (row.trigger, row.actor) if part)
    counts = (number(row.done), number(row.failed), number(row.skipped))
    return (
        row.id,
        f"{row.mapping} {row.part}".rstrip(),
        moment(row.started),
        moment(row.finished),
        by,
        str(row.exit_code),
        *counts,
        told(row.message),
    )


def audit_page(rows: Sequence[AuditRow]) -> Page:
    """The audit trail."""
    if not rows:
        return (Block(lines=(_("Nothing was recorded."),)),)
    headings = (_("when"), _("who"), _("act"), _("on"), _("what"), _("result"), _("why"))
    cells = tuple(
        (moment(row.at), row.actor, row.action, row.target, row.subject, word(row.result), told(row.detail))
        for row in rows
    )
    return (Block(columns=headings, rows=cells),)


def settings_page(origins: Sequence[tuple[str, str, str]]) -> Page:
    """`config show`: each setting, its value (secrets masked) and where it comes from."""
    return (Block(columns=(_("setting"), _("value"), _("from")), rows=tuple(origins)),)


def sentences_page(lines: Sequence[str], *, good: bool = True) -> Page:
    """Plain sentences, such as the steps that `bootstrap` took."""
    return (Block(lines=tuple(lines), tone=Tone.GOOD if good else Tone.WARN),)
