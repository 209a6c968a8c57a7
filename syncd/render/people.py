"""Lists of people, and what became of an act."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from syncd.locale import gettext as _
from syncd.locale import mark, number
from syncd.locale.told import told
from syncd.render.page import Block, Page, Tone
from syncd.render.tables import moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.app_types import LockRow
    from syncd.mapping.roster_view import Member

STATES = {
    "pending": mark("pending"),
    "active": mark("active"),
    "disabled": mark("disabled"),
    "unknown": mark("unknown"),
    "requested": mark("requested"),
    "sending": mark("sending"),
    "sent": mark("sent"),
    "accepted": mark("accepted"),
    "declined": mark("declined"),
    "expired": mark("expired"),
    "cancelled": mark("cancelled"),
    "failed": mark("failed"),
    "approved": mark("approved"),
    "refused": mark("refused"),
    "lapsed": mark("lapsed"),
    "open": mark("open"),
    "revoked": mark("revoked"),
    "used up": mark("used up"),
    "missed": mark("not locked yet"),
    "ending": mark("being deleted"),
    "local": mark("local"),
    "ldap": mark("directory"),
    "idp": mark("identity provider"),
    "file": mark("file"),
}


class Verdict(Protocol):
    """What became of an act for one person."""

    @property
    def who(self) -> str: ...
    @property
    def allowed(self) -> bool: ...
    @property
    def detail(self) -> str: ...
    @property
    def secret(self) -> str: ...


class Line(Protocol):
    """One record in a list."""

    @property
    def id(self) -> str: ...
    @property
    def who(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def begun(self) -> str: ...
    @property
    def expires(self) -> str: ...
    @property
    def by(self) -> str: ...
    @property
    def note(self) -> str: ...


class Account(Protocol):
    """One account with everything that its person holds."""

    @property
    def person(self) -> str: ...
    @property
    def who(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def authority(self) -> str: ...
    @property
    def holds(self) -> tuple[tuple[str, str, str], ...]: ...
    @property
    def locks(self) -> tuple[LockRow, ...]: ...
    @property
    def authentication(self) -> str: ...


def verdicts_page(verdicts: Sequence[Verdict]) -> Page:
    """A line for each person: done or refused, and by which rule; what is shown only once stands below."""
    rows = tuple(
        ("✓" if one.allowed else "✗", one.who, _("done") if one.allowed else _("refused"), told(one.detail))
        for one in verdicts
    )
    secrets = tuple(one.secret for one in verdicts if one.secret)
    note = (_("This is shown once; syncd keeps only its hash:"),) if secrets else ()
    tone = Tone.GOOD if all(one.allowed for one in verdicts) else Tone.DANGER
    table = Block(columns=("", _("who"), _("result"), _("why")), rows=rows, tone=tone)
    return (table, Block(lines=note, literal=secrets)) if secrets else (table,)


def members_page(rows: Sequence[Member]) -> Page:
    """A line for each membership."""
    if not rows:
        return (Block(lines=(_("Nobody is a member."),)),)
    headings = (_("unit"), _("role"), _("who"), _("name"), _("state"), _("since"), _("source"))
    cells = tuple(
        (
            one.cell("unit"),
            one.role,
            one.email or one.who,
            one.full_name,
            f"{state(one.state)} ({one.rule})" if one.rule else state(one.state),
            one.cell("entry_date"),
            one.source,
        )
        for one in rows
    )
    return (Block(columns=headings, rows=cells),)


def lines_page(rows: Sequence[Line], nothing: str) -> Page:
    """Invitations, requests or links."""
    if not rows:
        return (Block(lines=(nothing,)),)
    headings = (
        _("who"),
        _("unit"),
        _("role"),
        _("state"),
        _("since"),
        _("until"),
        _("by"),
        _("note"),
        _("id"),
    )
    cells = tuple(
        (
            one.who,
            one.unit,
            one.role,
            state(one.state),
            moment(one.begun),
            moment(one.expires),
            one.by,
            one.note,
            one.id,
        )
        for one in rows
    )
    return (Block(columns=headings, rows=cells),)


def account_page(account: Account) -> Page:
    """How an account stands, who owns it, and what its person holds."""
    facts = (
        (_("person"), account.person),
        (_("state"), state(account.state)),
        (_("owned by"), state(account.authority)),
        *([(_("login, as declared"), account.authentication)] if account.authentication else []),
    )
    held = (
        Block(columns=(_("unit"), _("role"), _("written at")), rows=account.holds) if account.holds else None
    )
    blocks = (Block(account.who, rows=facts), *locks_page(account.locks))
    return (*blocks, held) if held else (*blocks, Block(lines=(_("Holds nothing."),)))


def locks_page(rows: Sequence[LockRow]) -> Page:
    """The accounts that acts and rules lock, with the rule, and when one is deleted."""
    if not rows:
        return ()
    headings = (_("mapping"), _("who"), _("state"), _("locked by"), _("since"), _("deleted on"), _("why"))
    cells = tuple(
        (
            one.mapping,
            one.who,
            state(one.state),
            one.rule or one.by,
            moment(one.since),
            moment(one.due),
            told(one.reason),
        )
        for one in rows
    )
    return (Block(_("Locked accounts") + f" ({number(len(rows))})", headings, cells, tone=Tone.WARN),)


def state(code: str) -> str:
    """A state in the language in force."""
    return _(STATES.get(code, code))
