"""What lists of people show: members, invitations, requests to join, links, one account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from syncd import membership_joins, membership_links
from syncd.acts import OPEN, Invitation, InvitationState, Join, Link, Lock, Redemption
from syncd.administration_settings import in_words, setting
from syncd.app_types import LockRow
from syncd.errors import TargetError, UsageError
from syncd.inviting import held_back
from syncd.mapping.roster_view import Known, Member, export_csv, members, one_line_each

if TYPE_CHECKING:
    from datetime import datetime

    from syncd.membership import Office
    from syncd.model import Path
    from syncd.store import Store


CLOSED = ("missed", "disabled", "ending")
"""States of a lock that keeps an account closed, or soon will."""


@dataclass(frozen=True, slots=True)
class Line:
    """One record in a list: whom it is about, how it stands, and until when. Times are ISO 8601 in UTC."""

    id: str
    who: str
    unit: str
    role: str
    state: str
    begun: str = ""
    expires: str = ""
    by: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class AccountView:
    """One account, its locks, and everything that its person holds: (unit, role, where that is written)."""

    person: str
    who: str
    state: str
    authority: str
    holds: tuple[tuple[str, str, str], ...]
    locks: tuple[LockRow, ...] = ()
    authentication: str = ""  # how whoever holds it is to log in, as the settings declare and nobody enforces


def member_lines(office: Office, within: Path = ()) -> tuple[Member, ...]:
    """Everybody who holds or waits for something in a unit and below."""
    records = office.store.acts.all(Invitation, office.mapping)
    accepted = InvitationState.ACCEPTED
    known = Known(
        ids=office.people.ids,
        accounts={
            person: account
            for (person, target), account in office.people.accounts.items()
            if target == office.accounts_in
        },
        unread=bool(office.unseen),
        invited=frozenset(one.person for one in records if one.state in OPEN),
        entered={one.person: one.ended_at for one in records if one.state is accepted and one.ended_at},
        locked={
            one.person: one.rule for one in _closed(office.store, office.mapping) if one.state == "disabled"
        },
        zone=ZoneInfo(office.compiled.document.settings.timezone or "UTC"),
    )
    return members(office.compiled, known, within)


def members_csv(office: Office, unit: Path) -> str:
    """The members of one unit as the model exports them: each person once, in the columns that it names.

    Units below have lists of their own. Raises `UsageError` where the model exports nothing, and
    `TargetError` where the accounts could not be read: what is handed out must hold.
    """
    if office.unseen:
        raise TargetError(office.accounts_in, office.unseen)
    export = office.world.document(unit).export
    if export is None:
        raise UsageError(f"{office.mapping} exports no members", "add `export` to the model")
    inside = [one for one in member_lines(office, unit) if one.unit == unit]
    return export_csv(one_line_each(inside), export.columns)


def invitation_lines(office: Office, *, everything: bool = False) -> list[Line]:
    """The invitations that are not over (or all), oldest first."""
    found = office.store.acts.all(Invitation, office.mapping)
    shown = [one for one in found if everything or one.state in OPEN or one.state is InvitationState.EXPIRED]
    return [
        Line(
            one.id,
            one.address,
            one.unit,
            one.role,
            one.state.value,
            _time(one.sent_at or one.asked_at),
            _time(one.expires_at),
            office.world.name(one.by) if one.by.startswith("p_") else one.by or "file",
            one.reason or (held_back(office.store, one, office.rules, office.now()) if office.rules else ""),
        )
        for one in shown
    ]


def join_lines(office: Office) -> list[Line]:
    """Everybody who asked to join, oldest first; then who redeemed a link that asks for approval."""
    redeemed = office.store.acts.all(Redemption, office.mapping, state="awaits")
    roles = {one.id: one.role for one in office.store.acts.all(Link, office.mapping)}
    return [
        Line(
            one.id,
            one.address,
            one.unit,
            one.role,
            membership_joins.state(office, one),
            _time(one.asked_at),
            by=office.world.name(one.by) if one.state in ("approved", "refused") else "",
        )
        for one in office.store.acts.all(Join, office.mapping)
    ] + [
        Line(one.id, one.address, one.unit, roles.get(one.link, ""), "requested", _time(one.asked_at))
        for one in redeemed
    ]


def link_lines(office: Office) -> list[Line]:
    """Every link, oldest first; none shows its token."""
    now = office.now()
    return [
        Line(
            one.id,
            ", ".join(one.domains),
            one.unit,
            one.role,
            membership_links.standing(one, now),
            _time(one.created_at),
            _time(one.expires_at),
            office.world.name(one.by) if one.by.startswith("p_") else one.by,
            f"{one.uses}/{one.max_uses}" if one.max_uses is not None else str(one.uses),
        )
        for one in office.store.acts.all(Link, office.mapping)
    ]


def account_view(office: Office, who: str) -> AccountView:
    """One account; raises `UsageError` for somebody who is unknown."""
    person = office.person(who)
    account = office.world.account(person)
    holds = tuple(
        ("/" + "/".join(held.unit), held.role, str(held.place or "")) for held in office.world.of(person)
    )
    locks = tuple(lock_rows(office.store, office.mapping, person))
    declared = [setting(office.world, held.unit, "authentication") for held in office.world.of(person)]
    authentication = "; ".join(sorted({in_words(one) for one in declared if one}))
    name = office.world.name(person)
    return AccountView(person, name, account.state, account.authority, holds, locks, authentication)


def lock_rows(store: Store, mapping: str, person: str | None = None) -> list[LockRow]:
    """The accounts of a mapping, or that of one person, that acts or rules lock; from the store alone."""
    locks = _closed(store, mapping, person)
    names = {
        one.id: min(one.addresses, default="") or min(one.usernames, default=one.id)
        for one in (store.persons() if locks else ())
    }
    return [
        LockRow(
            mapping,
            names.get(one.person, one.person),
            one.state,
            one.rule,
            names.get(one.by, one.by),
            _time(one.since),
            _time(one.due),
            one.reason,
        )
        for one in locks
    ]


def _closed(store: Store, mapping: str, person: str | None = None) -> list[Lock]:
    return [one for one in store.acts.all(Lock, mapping, person=person) if one.state in CLOSED]


def _time(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""
