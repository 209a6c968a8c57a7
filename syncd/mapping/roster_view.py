"""PURE: the memberships of a mapping as lists of people: to decide by, to look at, and to hand out as CSV.

A spreadsheet takes a cell that begins like a formula for one, and names are written by strangers, so
such cells get an apostrophe before them.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, get_args

from syncd.mapping.compiled import PersonEntry
from syncd.mapping.schema_rules import Column

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime

    from syncd.errors import Place
    from syncd.mapping.compiled import Assignment, Compiled
    from syncd.model import Account, Path

COLUMNS: tuple[Column, ...] = get_args(Column)
FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001 - the wide forms begin a formula as well
"""First characters that make a cell a formula (OWASP, CSV Injection), with their full-width forms."""


@dataclass(frozen=True, slots=True)
class Membership:
    """A person directly holds a role in a unit; `who` is the key in `Compiled.people`.

    `waits` is the invitation to be accepted first, `since` when an act let the person in.
    """

    who: str
    text: str
    role: str
    unit: Path
    source: str
    place: Place
    until: date | None = None
    since: datetime | None = None
    waits: str = ""
    initial: bool = False
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of people beside the mapping: by text the person id, by person id the rest.

    `accounts` are those in Keycloak (of a mapping without it: in its directory), `unread` where those could
    not be read, `invited` the persons whose account waits for acceptance, `locked` the rule that closes an
    account (empty: an act does), `entered` when an account was activated. Days begin in `zone`, the one of
    the mapping.
    """

    ids: Mapping[str, str] = field(default_factory=dict)
    accounts: Mapping[str, Account] = field(default_factory=dict)
    invited: frozenset[str] = frozenset()
    entered: Mapping[str, datetime] = field(default_factory=dict)
    zone: tzinfo = UTC
    unread: bool = False
    locked: Mapping[str, str] = field(default_factory=dict)


NOTHING_KNOWN = Known()
UNKNOWN = "unknown"
"""The state of an account that could not be read."""


@dataclass(frozen=True, slots=True)
class Member:
    """One line of a list; `state` is pending, active, disabled or unknown, `entry_date` the first day."""

    member_id: str
    full_name: str
    email: str
    role: str
    entry_date: date | None
    state: str
    unit: Path
    source: str = "file"
    who: str = ""
    rule: str = ""  # that locks the account

    def cell(self, column: Column) -> str:
        """The text of one column: an ISO date, a path `/a/b`, else as it is."""
        match column:
            case "entry_date":
                return self.entry_date.isoformat() if self.entry_date else ""
            case "unit":
                return "/" + "/".join(self.unit)
            case _:
                return str(getattr(self, column))


def holdings(compiled: Compiled) -> tuple[Membership, ...]:
    """Every direct membership from files, rosters and acts, by unit, role and person.

    Groups that `attached_to` only shows are left out: they give nothing.
    """
    return tuple(
        Membership(
            who=one.who,
            text=one.text,
            role=one.role,
            unit=one.unit,
            source=one.source,
            place=one.place,
            until=one.until,
            since=one.since,
            waits=one.waits,
            initial=one.initial,
            suspended=bool(one.suspended),
        )
        for one in sorted(compiled.assignments, key=_place_in_list)
        if not one.lent
    )


def members(compiled: Compiled, known: Known = NOTHING_KNOWN, within: Path = ()) -> tuple[Member, ...]:
    """A line for each membership in the unit `within` and below it."""
    return tuple(
        _member(one, compiled.people.get(one.who) or PersonEntry(one.who), known)
        for one in holdings(compiled)
        if one.unit[: len(within)] == within
    )


def one_line_each(found: Iterable[Member]) -> tuple[Member, ...]:
    """One line for each person and unit: all roles in one cell, the first day, pending only where all is."""
    lines: dict[tuple[str, Path], Member] = {}
    for one in found:
        key = (one.member_id or one.who, one.unit)
        lines[key] = _both(lines[key], one) if key in lines else one
    return tuple(lines.values())


def export_csv(found: Iterable[Member], columns: Sequence[Column] = COLUMNS) -> str:
    """The lines as CSV (RFC 4180) with exactly these columns in this order, under a line of their names.

    To be written as UTF-8 without translation of its line ends.
    """
    text = io.StringIO(newline="")
    sheet = csv.writer(text)
    sheet.writerow(columns)
    sheet.writerows([_harmless(one.cell(column)) for column in columns] for one in found)
    return text.getvalue()


def _place_in_list(one: Assignment) -> tuple[Path, str, str]:
    return (one.unit, one.role, one.who)


def _member(held: Membership, entry: PersonEntry, known: Known) -> Member:
    person = known.ids.get(held.who, "")
    account = known.accounts.get(person)
    given = entry.given_name or (account.given_name if account else "")
    family = entry.family_name or (account.family_name if account else "")
    entered = held.since or known.entered.get(person)
    return Member(
        member_id=person,
        full_name=" ".join(filter(None, (given, family))),
        email=entry.email or (account.email if account else ""),
        role=held.role,
        entry_date=entered.astimezone(known.zone).date() if entered and not held.waits else None,
        state=UNKNOWN if known.unread else _state(held, entry, account, invited=person in known.invited),
        unit=held.unit,
        source=held.source,
        who=held.who,
        rule=known.locked.get(person, ""),
    )


def _state(held: Membership, entry: PersonEntry, account: Account | None, *, invited: bool) -> str:
    """As the mapping's `change_states` and `requires_state` call it; a lock says more than an invitation.

    A guest is disabled where guests are turned off and suspended.
    """
    if held.suspended or entry.state == "disabled" or (account is not None and not account.enabled):
        return "disabled"
    return "pending" if held.waits or invited or account is None else "active"


def _both(one: Member, other: Member) -> Member:
    days = [day for day in (one.entry_date, other.entry_date) if day]
    state = other.state if one.state == "pending" else one.state
    return replace(one, role=f"{one.role}, {other.role}", entry_date=min(days, default=None), state=state)


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell
