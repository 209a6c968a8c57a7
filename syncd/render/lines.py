"""One line for one thing that changes: a membership written to two servers is shown once, naming both."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncd.locale import gettext as _
from syncd.locale import mark, mark_plural, ngettext, number
from syncd.locale.told import told
from syncd.model import ACCESS, CONTAINERS, Change, Held, Kind, Op, RunPlan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from syncd.errors import Place
    from syncd.model import Foreign, Key

KINDS = {
    Kind.PERSON: mark_plural("account", "accounts"),
    Kind.OU: mark_plural("directory unit", "directory units"),
    Kind.GROUP: mark_plural("group", "groups"),
    Kind.ROLE: mark_plural("role", "roles"),
    Kind.COMPOSITE: mark_plural("composite role", "composite roles"),
    Kind.GRANT: mark_plural("grant", "grants"),
    Kind.MEMBER: mark_plural("membership", "memberships"),
    Kind.ORGANIZATION: mark_plural("organization", "organizations"),
    Kind.ORG_MEMBER: mark_plural("organization membership", "organization memberships"),
}

REASONS = {
    "person": mark("waits for the person"),
    "number": mark("waits for a number"),
    "protected": mark("protected"),
    "adoption": mark("waits for adoption"),
    "foreign": mark("not ours"),
    "drift": mark("changed by someone else"),
    "frozen": mark("its source is not healthy"),
    "additive": mark("nothing is removed yet"),
    "mode": mark("simulated or paused"),
    "needed": mark("still needed"),
    "limit": mark("stopped by a limit"),
    "unsupported": mark("the server cannot hold it"),
}


SHARED_BY = 3  # rows with one note before it is said once, below them
SHARED_FROM = 40  # characters of a note that is worth that


@dataclass(frozen=True, slots=True)
class Line:
    """What one row of the plan says; equal but for `targets` means one thing on several servers."""

    symbol: str
    what: str
    unit: str
    role: str
    where: str
    note: str = ""
    targets: tuple[str, ...] = ()

    @property
    def row(self) -> tuple[str, ...]:
        """The cells in the order of `COLUMNS`."""
        return (self.symbol, self.what, self.unit, self.role, ", ".join(self.targets), self.where, self.note)


def columns() -> tuple[str, ...]:
    """Headings of `Line.row`."""
    return ("", _("who or what"), _("unit"), _("role"), _("on"), _("written at"), _("note"))


def told_once(rows: Sequence[tuple[str, ...]]) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """The rows, where a long note (the last cell) that many share is a number, and what the numbers mean."""
    counts = Counter(row[-1] for row in rows)
    shared = [note for note, count in counts.items() if count >= SHARED_BY and len(note) >= SHARED_FROM]
    numbers = {note: f"[{index}]" for index, note in enumerate(shared, 1)}
    told = tuple((*row[:-1], numbers.get(row[-1], row[-1])) for row in rows)
    return told, tuple(f"{index} {note}" for note, index in numbers.items())


def change_lines(found: Iterable[tuple[str, Change]], plan: RunPlan) -> list[Line]:
    """A line for each change, those of one thing on several targets united, sorted by unit, role and name."""
    return _united((target, _line(change, plan.names)) for target, change in found)


def held_lines(plan: RunPlan) -> list[Line]:
    """A line for each change that waits, saying why."""
    return _united((part.target, held_line(held, plan.names)) for part in plan.plans for held in part.held)


def held_line(held: Held, names: Mapping[str, str]) -> Line:
    """What waits, and the reason in words."""
    line = _line(held.change, names)
    reason = _(REASONS.get(held.reason, held.reason))
    note = f"{reason}: {told(held.detail)}" if held.detail else reason
    return Line(f"! {line.symbol}", line.what, line.unit, line.role, line.where, note)


def foreign_lines(plan: RunPlan) -> list[Line]:
    """A line for each thing found in our places that is not ours."""
    return _united((part.target, _foreign(found, plan)) for part in plan.plans for found in part.foreign)


def unit_of(change: Change) -> str:
    """The unit a change belongs to, else its place."""
    return change.origin.unit or path(change.key.place)


def path(place: tuple[str, ...]) -> str:
    """A target place as a path from the top; a DN of RDNs reads from the leaf, as directories write it."""
    if place and "=" in place[0]:
        return ",".join(reversed(place))
    return "/" + "/".join(place) if place else ""


def place_text(place: Place | None, source: str = "file") -> str:
    """`file:line`, the act, or what else asked for it."""
    if place is not None:
        return f"{place.file}:{place.line}" if place.line else place.file
    return "" if source == "file" else source


def kind_name(kind: Kind) -> str:
    """One thing of `kind`, in words."""
    return ngettext(*KINDS[kind], 1)


def kind_count(kind: Kind, count: int) -> str:
    """`3 groups`."""
    return f"{number(count)} {ngettext(*KINDS[kind], count)}"


def subject(key: Key, names: Mapping[str, str]) -> str:
    """A fact in the words of a person: a name for a membership, kind and path for the rest."""
    match key.kind:
        case Kind.MEMBER | Kind.ORG_MEMBER:
            inner = f"{kind_name(Kind.GROUP)} {path(key.item)}"
            return inner if key.nests else names.get(key.item[0], key.item[0])
        case Kind.PERSON:
            return f"{kind_name(key.kind)} {names.get(key.item[0], key.item[0])}"
        case Kind.GRANT:
            return f"{kind_name(key.kind)} {_role(key.item)}"
        case Kind.ROLE:
            return f"{kind_name(key.kind)} {_role((*key.place, *key.item))}"
        case Kind.COMPOSITE:
            return f"{kind_name(key.kind)} {_role(key.place)} ⊃ {_role(key.item)}"
        case _:
            return f"{kind_name(key.kind)} {path(key.place)}"


def _line(change: Change, names: Mapping[str, str]) -> Line:
    origin = change.origin
    role = origin.role if change.key.kind in ACCESS else ""
    unit = "" if change.key.kind in CONTAINERS else unit_of(change)
    where = place_text(origin.place, origin.source)
    return Line(symbol(change), subject(change.key, names), unit, role, where, _note(change))


def symbol(change: Change) -> str:
    """The sign of a change; a move within one parent is a change of name and reads as one."""
    if change.op is Op.MOVE and change.old is not None and change.old.place[:-1] == change.key.place[:-1]:
        return "~"
    return change.op.symbol


def _note(change: Change) -> str:
    notes = []
    if change.op is Op.MOVE and change.old is not None:
        notes.append(_("was {path}").format(path=path(change.old.place)))
    if change.op in (Op.UPDATE, Op.ADOPT, Op.MOVE):
        notes.extend(
            f"{name}: {_values(change.before.get(name, ()))} → {_values(values)}"
            for name, values in sorted(change.attrs.items())
            if change.before.get(name, ()) != values
        )
        notes.extend(_("{name} cleared").format(name=name) for name in sorted(change.clear))
    if change.origin.privileged and change.key.kind in ACCESS:
        notes.append(_("privileged"))
    if change.origin.until and change.op is not Op.DELETE:
        notes.append(_("until {date}").format(date=change.origin.until))
    return ", ".join(notes)


def _values(values: tuple[str, ...]) -> str:
    return ", ".join(f'"{value}"' for value in values) or _("nothing")


def _role(item: tuple[str, ...]) -> str:
    return "/".join(part for part in item if part)


def _foreign(found: Foreign, plan: RunPlan) -> Line:
    return Line("?", subject(found.key, plan.names), path(found.key.place), "", "", told(found.detail))


def _united(found: Iterable[tuple[str, Line]]) -> list[Line]:
    targets: dict[Line, list[str]] = {}
    for target, line in found:
        targets.setdefault(line, []).append(target)
    lines = [
        Line(line.symbol, line.what, line.unit, line.role, line.where, line.note, tuple(dict.fromkeys(where)))
        for line, where in targets.items()
    ]
    return sorted(lines, key=lambda line: (line.unit, line.role, line.what, line.symbol))
