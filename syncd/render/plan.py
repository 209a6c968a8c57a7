"""The plan screen: what one run would do, most dangerous first, everything harmless folded by unit."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncd.locale import gettext as _
from syncd.locale import mark, ngettext, number
from syncd.locale.told import told
from syncd.model import ACCESS, CONTAINERS, ENFORCED, Change, Kind, Op, RunPlan
from syncd.render.lines import (
    Line,
    change_lines,
    columns,
    foreign_lines,
    held_lines,
    kind_count,
    path,
    subject,
    symbol,
    told_once,
    unit_of,
)
from syncd.render.page import Block, Page, Tone
from syncd.render.problems import problem_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.model import Stop

SHOWN = 50  # lines of one section before the rest is counted only; `--all` shows every one
FOLDED_FROM = 12  # up to as many other changes are shown each; more are counted by unit

LIMITS = {
    "removals": mark("removals in 24 hours"),
    "grants": mark("people given one role"),
    "privileged": mark("privileged roles"),
    "privileged_per_run": mark("privileged roles"),
    "admins_min": mark("administrators left"),
    "mails": mark("mails in 24 hours"),
}

LOWER = frozenset({"admins_min"})  # limits that must not be undercut, where others must not be exceeded

Found = tuple[str, Change]


@dataclass(slots=True)
class _Sorted:
    """The changes by how they are shown; each is in exactly one list."""

    privileged: list[Found] = field(default_factory=list)
    removals: list[Found] = field(default_factory=list)
    accounts: list[Found] = field(default_factory=list)
    renames: list[Found] = field(default_factory=list)
    rest: list[Found] = field(default_factory=list)


def plan_page(plan: RunPlan, *, everything: bool = False) -> Page:
    """The whole screen; `everything` opens what is folded (`--all`)."""
    found = _sort(plan)
    blocks = [
        _header(plan),
        _failed(plan),
        _stops(plan),
        _section(_("Frozen and held"), _held(plan), Tone.WARN, everything=everything),
        _warnings(plan),
        _changes(_("Privileged grants"), found.privileged, plan, Tone.DANGER, everything=everything),
        _changes(_("Removals"), found.removals, plan, Tone.DANGER, everything=everything),
        _changes(_("Accounts"), found.accounts, plan, Tone.PLAIN, everything=everything),
        _renames(found.renames, plan),
        _rest(found.rest, plan, everything=everything),
        _foreign(plan, everything=everything),
        _totals(plan),
        _limits(plan),
        _upcoming(plan),
        _closing(plan),
    ]
    return tuple(block for block in blocks if block.title or block.rows or block.lines)


def next_commands(plan: RunPlan) -> tuple[str, ...]:
    """What to type after reading the plan, in order; empty where nothing is left to do."""
    apply = " ".join(["syncd", "apply", plan.mapping, *_narrowing(plan)])
    if plan.stops:
        return (f"syncd plans approve {plan.digest[:12]}", apply)
    if plan.changes:
        return (apply,)
    if plan.failed:
        return ("syncd doctor",)
    return (f"syncd held {plan.mapping}",) if plan.held else ()


def _thaw(plan: RunPlan) -> str:
    """How removals whose source is not healthy are let go all the same, where there are any."""
    frozen = any(held.reason == "frozen" for part in plan.plans for held in part.held)
    if not frozen or plan.stops:
        return ""
    return _("To let go what is frozen as well: {command}").format(
        command=f"syncd plans approve {plan.digest[:12]}"
    )


def _narrowing(plan: RunPlan) -> list[str]:
    """The options by which the same part is carried out that is shown."""
    only = ["--only", shlex.quote(plan.only)] if plan.only else []
    return [*only, *(["--target", plan.target] if plan.target else [])]


def stop_text(stop: Stop) -> str:
    """How far beyond a limit: the two numbers; of a lower limit, what would be left and what must be."""
    text = (
        _("{asked} left, {allowed} needed") if stop.limit in LOWER else _("{asked} asked, {allowed} allowed")
    )
    return text.format(asked=number(stop.asked), allowed=number(stop.allowed))


def _sort(plan: RunPlan) -> _Sorted:
    found = _Sorted()
    for part in plan.plans:
        for change in part.changes:
            if change.shown:
                _list_of(change, found).append((part.target, change))
    return found


def _list_of(change: Change, found: _Sorted) -> list[Found]:
    if change.op is Op.DELETE:
        return found.removals
    if change.key.kind in ACCESS and change.origin.privileged and change.op in (Op.CREATE, Op.ADOPT):
        return found.privileged
    if change.key.kind is Kind.PERSON and change.writes:
        return found.accounts
    if change.op is Op.MOVE and change.key.kind in CONTAINERS:
        return found.renames
    return found.rest


def _part(part: str) -> str:
    if part == "/":
        return _("Of a mapping that runs in parts: what belongs to no root unit.")
    return _("Of a mapping that runs in parts: the root unit {unit}.").format(unit=part)


def _header(plan: RunPlan) -> Block:
    rows = [(target, where) for target, where in sorted(plan.servers.items())]
    for source in plan.sources:
        state = ngettext("{n} row", "{n} rows", source.rows).format(n=number(source.rows))
        age = _("{age} old").format(age=_age(source.age_seconds))
        rows.append((source.name, f"{state}, {age}" + (f": {told(source.reason)}" if source.reason else "")))
    lines = []
    if plan.part:
        lines.append(_part(plan.part))
    if plan.only:
        lines.append(_("Only {unit} and all below, with what that needs.").format(unit=plan.only))
    if plan.target:
        lines.append(_("Only the target {target}.").format(target=plan.target))
    if plan.mode != ENFORCED:
        lines.append(_("policy.mode is {mode}: nothing of it is written.").format(mode=plan.mode))
    if plan.first:
        lines.append(_("First plan of this mapping: limits on grants do not apply to it."))
    if plan.additive:
        lines.append(_("Additive: nothing is removed until a plan of this mapping has been confirmed once."))
    title = _("Plan of {mapping} in {environment}").format(mapping=plan.mapping, environment=plan.environment)
    return Block(title, rows=tuple(rows), lines=tuple(lines))


def _failed(plan: RunPlan) -> Block:
    rows = tuple(("✗", target, told(message)) for target, message in sorted(plan.failed.items()))
    if not rows:
        return Block()
    note = _("Nothing is written there in this run, and nothing is taken for missing.")
    return Block(_("Could not be read"), rows=rows, lines=(note,), tone=Tone.DANGER)


def _stops(plan: RunPlan) -> Block:
    if not plan.stops:
        return Block()
    rows = tuple(("!", limit_name(stop.limit), stop_text(stop), told(stop.detail)) for stop in plan.stops)
    if all(stop.removals_only for stop in plan.stops):
        note = _("The removals of this plan wait for approval; everything else goes ahead.")
    else:
        note = _("Nothing of this plan is written until it is approved.")
    return Block(_("Stopped by a limit"), rows=rows, lines=(note,), tone=Tone.DANGER)


def _held(plan: RunPlan) -> list[Line]:
    return [*_loosened(plan), *held_lines(plan), *_unresolved(plan)]


def _unresolved(plan: RunPlan) -> list[Line]:
    return [Line("! ?", who, "", "", "", told(reason)) for who, reason in sorted(plan.unresolved.items())]


def _loosened(plan: RunPlan) -> list[Line]:
    note = _("became looser; the stricter one holds until this plan is approved")
    return [Line("! ~", f"policy.{name}", "", "", "", note) for name in plan.policy_waiting]


def _warnings(plan: RunPlan) -> Block:
    return (
        Block(_("Warnings"), lines=tuple(map(problem_text, plan.warnings)), tone=Tone.WARN)
        if plan.warnings
        else Block()
    )


def _changes(title: str, found: Sequence[Found], plan: RunPlan, tone: Tone, *, everything: bool) -> Block:
    return _section(title, change_lines(found, plan), tone, everything=everything)


def _section(title: str, lines: Sequence[Line], tone: Tone, *, everything: bool) -> Block:
    if not lines:
        return Block()
    shown = lines if everything else lines[:SHOWN]
    more = len(lines) - len(shown)
    folded = (
        (
            ngettext("… and {n} more (--all shows it)", "… and {n} more (--all shows them)", more).format(
                n=number(more)
            ),
        )
        if more
        else ()
    )
    rows, reasons = told_once([line.row for line in shown])
    return Block(f"{title} ({number(len(lines))})", columns(), rows, (*reasons, *folded), tone=tone)


def _renames(found: Sequence[Found], plan: RunPlan) -> Block:
    """Each unit once: what moves along with a container that moves is not news."""
    moves = [change for _target, change in found if change.old is not None]
    whole = {change.origin.anchor[0] for change in moves if change.origin.anchor[1] == "unit"}
    told = [
        change
        for change in moves
        if not _carried(change, moves)
        and (change.origin.anchor[1] == "unit" or change.origin.anchor[0] not in whole)
    ]
    lines = tuple(dict.fromkeys(_rename(change, plan) for change in told))
    hints = tuple(f"? {suggestion}" for suggestion in plan.suggestions)
    return Block(_("Renames"), lines=(*lines, *hints)) if lines or hints else Block()


def _carried(change: Change, moves: Sequence[Change]) -> bool:
    """Whether a container above moves in the same way, so that this one only comes along."""
    before, after = _old_place(change), change.key.place
    return any(
        other.key.kind in CONTAINERS
        and len(_old_place(other)) < len(before)
        and before[: len(_old_place(other))] == _old_place(other)
        and (*other.key.place, *before[len(_old_place(other)) :]) == after
        for other in moves
    )


def _old_place(change: Change) -> tuple[str, ...]:
    return change.old.place if change.old is not None else change.key.place


def _rename(change: Change, plan: RunPlan) -> str:
    before, after = _old_place(change), change.key.place
    sign = symbol(change)
    names = (_name(before), _name(after)) if sign == "~" else (path(before), path(after))
    kept = plan.kept.get(unit_of(change), 0)
    members = ngettext("{n} member kept", "{n} members kept", kept).format(n=number(kept))
    return f"{sign} {names[0]} → {names[1]}, {members}"


def _name(place: tuple[str, ...]) -> str:
    """The last part of a place as people say it: without the attribute that names it in a directory."""
    last = place[-1]
    return last.partition("=")[2] if "=" in last and "=" in place[0] else last


def _rest(found: Sequence[Found], plan: RunPlan, *, everything: bool) -> Block:
    if not found:
        return Block()
    if everything or len(found) <= FOLDED_FROM:
        return _section(_("Everything else"), change_lines(found, plan), Tone.PLAIN, everything=True)
    things = {
        (
            unit_of(change),
            symbol(change),
            change.key.kind,
            subject(change.key, plan.names),
            change.origin.role,
        )
        for _target, change in found
    }
    units: dict[str, Counter[tuple[str, Kind]]] = {}
    for unit, sign, kind, _subject, _role in things:
        units.setdefault(unit, Counter())[sign, kind] += 1
    rows = tuple((unit, _folded(counts)) for unit, counts in sorted(units.items()))
    title = _("Everything else, by unit") + f" ({number(len(things))})"
    more = (_("… and {n} more units (--all shows everything)").format(n=number(len(rows) - SHOWN)),)
    return Block(title, rows=rows[:SHOWN], lines=more if len(rows) > SHOWN else (_("--all shows each line"),))


def _folded(counts: Counter[tuple[str, Kind]]) -> str:
    return ", ".join(f"{sign}{kind_count(kind, count)}" for (sign, kind), count in sorted(counts.items()))


def _foreign(plan: RunPlan, *, everything: bool) -> Block:
    lines = foreign_lines(plan)
    if not lines:
        return Block()
    title = _("Found in our places, not ours, not touched")
    if everything:
        return _section(title, lines, Tone.DIM, everything=True)
    units = Counter(line.unit for line in lines)
    rows = tuple((unit, number(count)) for unit, count in sorted(units.items()))[:SHOWN]
    return Block(f"{title} ({number(len(lines))})", rows=rows, tone=Tone.DIM)


def _totals(plan: RunPlan) -> Block:
    if not plan.plans:  # no target could be read, which has been said
        return Block()
    rows = tuple(
        _total(part.target, [change.op for change in part.changes if change.shown], len(part.held))
        for part in plan.plans
    )
    headings = (_("create"), _("adopt"), _("update"), _("move"), _("remove"), _("forget"), _("held"))
    signed = tuple(f"{op.symbol} {text}" for op, text in zip(Op, headings, strict=False))
    lines = () if plan.changes or plan.failed else (_("Nothing to change."),)
    return Block(_("Totals"), ("", *signed, f"! {headings[-1]}"), rows, lines)


def _total(target: str, ops: Sequence[Op], held: int) -> tuple[str, ...]:
    counts = Counter(ops)
    return (target, *(number(counts[op]) for op in Op), number(held))


def _limits(plan: RunPlan) -> Block:
    rows = tuple(
        (
            limit_name(use.limit),
            f"{number(use.used)} / {number(use.allowed)}",
            "" if use.limit in LOWER else _share(use.used, use.allowed),
        )
        for use in plan.uses
    )
    return Block(_("Limits used"), rows=rows) if rows else Block()


def limit_name(limit: str) -> str:
    """A limit in words, with what it is about where it says so (`grants:member`)."""
    name, colon, about = limit.partition(":")
    shown = _(LIMITS.get(name, name))
    return f"{shown} ({about})" if colon else shown


def _share(used: int, allowed: int) -> str:
    return f"{round(100 * used / allowed)} %" if allowed else ""


def _upcoming(plan: RunPlan) -> Block:
    rows = tuple(plan.upcoming[:SHOWN])
    return Block(_("In the next seven days"), rows=rows) if rows else Block()


def _closing(plan: RunPlan) -> Block:
    commands = next_commands(plan)
    leads = (_("Next: {command}"), _("Then: {command}"))
    lines = [lead.format(command=command) for lead, command in zip(leads, commands, strict=False)]
    return Block(lines=tuple(filter(None, (*lines, _thaw(plan)))))


def _age(seconds: int) -> str:
    for size, unit in ((86_400, _("d")), (3_600, _("h")), (60, _("min"))):
        if seconds >= size:
            return f"{number(seconds // size)} {unit}"
    return f"{number(seconds)} " + _("s")
