"""PURE: who holds a role on one day, by texts, rosters, other units, directory groups, and by acts.

Unknown is never empty: a source that was not read, stands frozen, selects nobody any more or names a
row's person no longer freezes the removals of the role in that unit, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from syncd.mapping.check_names import fold_address
from syncd.mapping.compile_people import column, row_entry, row_text
from syncd.mapping.compiled import Assignment
from syncd.mapping.members import sources_of, target_exists
from syncd.mapping.members_acts import given
from syncd.mapping.schema import DirectoryMember, PersonMember, RosterMember, RosterModel, UnitMember
from syncd.mapping.suggestions import did_you_mean, meant_or_listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from syncd.mapping.compile_findings import Findings, Keys
    from syncd.mapping.compile_people import People
    from syncd.mapping.members import Line, Lines, Slot
    from syncd.mapping.schema import DirectoryGroup, MappingDocument, MemberEntry
    from syncd.roster import Roster, Row

SOON = timedelta(days=7)
GROUP_ROWS = RosterModel()


@dataclass(frozen=True, slots=True)
class GroupRef:
    """A directory group that a mapping names; compares by what is read."""

    connection: str
    dn: str
    nested: bool = True


@dataclass(frozen=True, slots=True)
class Source:
    """A roster with what the mapping says of its columns."""

    roster: Roster
    model: RosterModel

    def header(self, name: str) -> str:
        """The column of the source that the mapping calls `name`."""
        return column(name, self.model.columns, folded=self.roster.folded)

    def text(self, row: Row) -> str:
        """The text by which a row names its person."""
        return row_text(row, self.model.columns, folded=self.roster.folded)


@dataclass(slots=True)
class Selection:
    """What is worked out so far: holders by slot, frozen slots, and what begins or ends soon."""

    document: MappingDocument
    lines: Lines
    people: People
    rosters: Mapping[str, Roster]
    groups: Mapping[GroupRef, Roster]
    today: date
    findings: Findings
    held: dict[Slot, tuple[Assignment, ...]] = field(default_factory=dict)
    frozen: dict[Slot, str] = field(default_factory=dict)
    authors: Mapping[str, str] = field(default_factory=dict)  # names of those who act, by person id
    upcoming: set[tuple[date, Assignment]] = field(default_factory=set)


def work_out(selection: Selection, slot: Slot) -> None:
    """Find the holders of one role in one unit; the slots it depends on are worked out already."""
    found: list[Assignment] = []
    unknown = _unknown(selection, slot, None)
    for line in selection.lines.of[slot]:
        begins = line.entry.from_ if isinstance(line.entry, PersonMember) else None
        for each in _select(selection, slot, line, unknown):
            ending = _ending(selection, each)
            _check_span(selection, line, ending, begins)
            found += _today(selection, ending, begins)
    for each in given(selection.lines.acts.get(slot, ()), slot, selection.people, selection.authors, unknown):
        found += _today(selection, _ending(selection, each), None)
    selection.held[slot] = _one_each(selection, found)


def _select(selection: Selection, slot: Slot, line: Line, unknown: str) -> Iterable[Assignment]:
    match line.entry:
        case PersonMember() as entry:
            return [_person(selection, slot, line, entry, unknown)]
        case RosterMember() as entry:
            return _from_roster(selection, slot, line, entry)
        case UnitMember() as entry:
            return _from_unit(selection, slot, line, entry)
        case DirectoryMember() as entry:
            return _from_group(selection, slot, line, entry.ldap_group)


def _person(selection: Selection, slot: Slot, line: Line, entry: PersonMember, unknown: str) -> Assignment:
    return Assignment(
        unit=slot[0],
        role=slot[1],
        who=selection.people.named(entry.person),
        place=selection.findings.at(line.keys),
        rule=_shared_rule(selection, slot) if line.shared else "",
        until=entry.until,
        reason=entry.reason,
        initial=entry.initial,
        unknown=unknown,
        text=fold_address(entry.person),
    )


def _shared_rule(selection: Selection, slot: Slot) -> str:
    return f"members of every {selection.lines.nodes[slot[0]].kind}"


def _from_roster(selection: Selection, slot: Slot, line: Line, entry: RosterMember) -> Iterator[Assignment]:
    model, findings = selection.document.rosters.get(entry.roster), selection.findings
    if model is None:
        hint = meant_or_listed(entry.roster, selection.document.rosters)
        findings.error(line.keys, f'unknown roster "{entry.roster}"', hint)
        return
    roster = selection.rosters.get(entry.roster)
    if roster is None:
        _freeze(selection, slot, f"roster {entry.roster} was not read")
        return
    if not entry.where:
        findings.warning(
            line.keys, "the selection has no `where`, so it selects nobody", "everybody is `where: all`"
        )
        return
    source = Source(roster, model)
    yield from _rows_as_members(selection, slot, line, source, _rows(selection, line, entry, source))


def _rows(selection: Selection, line: Line, entry: RosterMember, source: Source) -> list[Row]:
    """The rows that every condition of `where` lets through and `except` does not take out."""
    roster, rows = source.roster, list(source.roster.rows)
    for name, condition in entry.where.items() if isinstance(entry.where, dict) else ():
        header, keys = source.header(name), (*line.keys, "where", name)
        if roster.columns and header not in roster.columns:
            hint = meant_or_listed(name, roster.columns)
            selection.findings.error(keys, f'roster "{roster.name}" has no column "{name}"', hint)
            continue
        known = {value for row in roster.rows for value in row.values.get(header, ())}
        if roster.rows or not roster.frozen:  # else that nobody is there has been said already
            _warn_unknown(selection, keys, condition.wanted, known, f'no row of roster "{roster.name}" has')
        wanted, unwanted = set(condition.values), set(condition.not_)
        rows = [row for row in rows if _lets_through(row.values.get(header, ()), wanted, unwanted)]
    return _without(selection, line.keys, entry.except_, rows, source)


def _lets_through(values: tuple[str, ...], wanted: set[str], unwanted: set[str]) -> bool:
    return bool(wanted.intersection(values)) if wanted else not unwanted.intersection(values)


def _without(
    selection: Selection, keys: Keys, names: tuple[str, ...], rows: list[Row], source: Source
) -> list[Row]:
    if not names:
        return rows
    everybody = map(source.text, source.roster.rows)
    _warn_except(selection, keys, names, everybody, f'roster "{source.roster.name}"')
    out = {selection.people.ref(name) for name in names}
    return [row for row in rows if selection.people.ref(source.text(row)) not in out]


def _warn_except(
    selection: Selection, keys: Keys, names: tuple[str, ...], texts: Iterable[str], where: str
) -> None:
    people, known = selection.people, sorted(set(filter(None, texts)))
    refs = {people.ref(text) for text in known}
    for name in names:
        if people.ref(name) not in refs:
            message = f'`except` names "{name}", who is not in {where}'
            selection.findings.warning((*keys, "except"), message, did_you_mean(name, known))


def _warn_unknown(
    selection: Selection, keys: Keys, wanted: Iterable[str], known: Iterable[str], sentence: str
) -> None:
    for value in wanted:
        if value not in known:
            selection.findings.warning(keys, f'{sentence} "{value}"', meant_or_listed(value, known))


def _rows_as_members(
    selection: Selection, slot: Slot, line: Line, source: Source, rows: list[Row]
) -> Iterator[Assignment]:
    """One membership for each row; nobody, or somebody without a name, freezes the removals."""
    roster, where = source.roster, selection.findings.at(line.keys)
    if roster.frozen:
        _freeze(selection, slot, roster.frozen)
    if not rows:
        _freeze(selection, slot, f"the selection of {roster.name} at {where} is empty")
    unknown, rule = _unknown(selection, slot, source.model), f"roster {roster.name} at {where}"
    for row in rows:
        text = source.text(row)
        if not text:
            _freeze(selection, slot, f"{row.place} of roster {roster.name} names nobody")
            continue
        who = selection.people.named(text, row_entry(row, source.model, roster))
        until = _until(selection, line, source, row)
        found = Assignment(slot[0], slot[1], who, row.place, "roster", rule, until)
        yield replace(found, unknown=unknown, text=fold_address(text))


def until_column(entry: MemberEntry, model: RosterModel) -> str | None:
    """What the entry calls the column with the last day: its own `until`, else the roster's."""
    if isinstance(entry, RosterMember) and entry.until is not None:
        return entry.until.column
    return "until" if "until" in model.columns else None


def _until(selection: Selection, line: Line, source: Source, row: Row) -> date | None:
    entry, roster = line.entry, source.roster
    name = until_column(entry, source.model)
    if name is None:
        return None
    header, keys = source.header(name), (*line.keys, "until")
    if header not in roster.columns:
        hint = meant_or_listed(name, roster.columns)
        selection.findings.error(keys, f'roster "{roster.name}" has no column "{name}"', hint)
        return None
    value, written = row.text(header), source.model.date_format
    try:
        # a day of the calendar, without a clock
        return datetime.strptime(value, written).date() if value else None  # noqa: DTZ007
    except ValueError:
        selection.findings.error(keys, f'"{value}" ({row.place}) is not a date', f"dates are {written}")
        return None


def _from_unit(selection: Selection, slot: Slot, line: Line, entry: UnitMember) -> Iterator[Assignment]:
    if not target_exists(selection.lines, slot, line, entry):
        return
    sources = [source for source in sources_of(selection.lines, slot, line) if source in selection.held]
    for source in sources:
        if reason := selection.frozen.get(source):
            _freeze(selection, slot, reason)
    holders = [holder for source in sources for holder in selection.held[source]]
    place = selection.findings.at(line.keys)
    _warn_except(
        selection, line.keys, entry.except_, (holder.text for holder in holders), f'"{entry.members_of}"'
    )
    out = {selection.people.ref(name) for name in entry.except_}
    unknown = _unknown(selection, slot, None)
    for holder in holders:
        if holder.who not in out:
            rule = f'holder of "{holder.role}" in /{"/".join(holder.unit)} ({holder.place})'
            taken = replace(holder, unit=slot[0], role=slot[1], place=place, rule=rule)
            yield replace(taken, initial=False, unknown=unknown)


def _from_group(selection: Selection, slot: Slot, line: Line, group: DirectoryGroup) -> Iterator[Assignment]:
    roster = selection.groups.get(GroupRef(group.connection, group.dn, group.nested))
    if roster is None:
        _freeze(selection, slot, f"the directory group {group.dn} was not read")
        return
    yield from _rows_as_members(selection, slot, line, Source(roster, GROUP_ROWS), list(roster.rows))


def _freeze(selection: Selection, slot: Slot, reason: str) -> None:
    """The first reason stays: it is the one nearest to the source."""
    selection.frozen.setdefault(slot, reason)


def _unknown(selection: Selection, slot: Slot, roster: RosterModel | None) -> str:
    """What to do about an unknown person: the role says first, then the roster, then the mapping.

    Nobody is invited into a unit that is no longer in its first state; who is known stays.
    """
    node = selection.lines.nodes[slot[0]]
    if node.data.state not in (None, node.declared.states[0]):
        return "wait"
    role = node.model.document.roles[slot[1]]
    return role.unknown or (roster.unknown if roster else None) or node.model.document.invitations.unknown


def _ending(selection: Selection, found: Assignment) -> Assignment:
    """The assignment with the day on which it really ends: no later than everything else of the person."""
    person_ends = selection.people.ends.get(found.who)
    if person_ends and (found.until is None or person_ends < found.until):
        return replace(found, until=person_ends)
    return found


def _today(selection: Selection, found: Assignment, begins: date | None) -> list[Assignment]:
    """The assignment, if the day lies within it; what begins or ends soon is noted."""
    today, ends = selection.today, found.until
    begun = begins is None or begins <= today
    if begins and today < begins <= today + SOON:
        selection.upcoming.add((begins, found))
    if ends and begun and today <= ends <= today + SOON:
        selection.upcoming.add((ends, found))
    return [found] if begun and (ends is None or today <= ends) else []


def _check_span(selection: Selection, line: Line, found: Assignment, begins: date | None) -> None:
    """`until` is not further away than the role's `expires`."""
    if found.until is None:
        return
    node = selection.lines.nodes[found.unit]
    longest = node.model.document.roles[found.role].expires
    if longest is None or isinstance(longest, str):
        return
    latest = longest.last_day(max(begins or selection.today, selection.today))
    if found.until > latest:
        message = f'the role "{found.role}" is given for {longest} at most, so until {latest}'
        selection.findings.error(line.keys, f"{message}, not {found.until}", "give an earlier day")


def _one_each(selection: Selection, found: list[Assignment]) -> tuple[Assignment, ...]:
    """One membership a person: what is declared before acts, then what waits for nobody and lasts longest.

    A person's own line comes before a rule.
    """
    best = {each.who: each for each in found}
    if len(best) == len(found):
        return tuple(best[who] for who in sorted(best))
    best.clear()
    for each in sorted(found, key=lambda one: (one.place, one.text)):
        other = best.get(each.who)
        if other is not None:
            _note_twice(selection, other, each)
        if other is None or _rank(each) < _rank(other):
            best[each.who] = each
    return tuple(best[who] for who in sorted(best))


def _rank(each: Assignment) -> tuple[bool, bool, bool, date, bool, bool]:
    """Smaller is better: declared, given already, without an end, later, no mere seed, the file's own."""
    day = each.until or date.max
    sooner = date.min + (date.max - day)
    return (each.by_act, bool(each.waits), each.until is not None, sooner, each.initial, bool(each.rule))


def _note_twice(selection: Selection, one: Assignment, other: Assignment) -> None:
    """Two texts for one person in one role: an error within one file, a note across sources, but for acts."""
    if one.text == other.text or one.by_act or other.by_act:
        return
    own = not one.rule and not other.rule
    message = f'"{one.text}" ({one.place}) and "{other.text}" are one person'
    keys = f"/{'/'.join(other.unit)}.members.{other.role}"
    severity = "error" if own and one.place.file == other.place.file else "warning"
    selection.findings.note(other.place, keys, message, "keep one of the two", severity)
