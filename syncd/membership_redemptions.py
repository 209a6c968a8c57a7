"""Links redeemed by strangers: a note first, decided later, confirmed by mail before anything is given.

Whoever redeems or confirms writes only the note (`redeem`, `confirm`): the public page has no right to
anything else, asks no other server, and does the same for every address. A run then decides by the right
that the link's issuer has by now. Who has no account is invited, so that Keycloak's mail proves the address;
to who has one syncd mails a token of its own, since anybody can type anybody's address.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from syncd.acts import OPEN, Invitation, Link, Notice, Redemption
from syncd.administration import Act, Actor
from syncd.errors import Stale, UsageError
from syncd.identity import fold
from syncd.membership_links import address, standing
from syncd.membership_transfer import TOKEN_BYTES, digest
from syncd.membership_words import Asked, Verdict
from syncd.targets.directory import AccountRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from syncd.membership import Office
    from syncd.model import Path
    from syncd.store import Store
    from syncd.targets.directory import AccountState

OPERATOR = "operator:"
TO_DECIDE = ("recorded", "approved", "confirmed")
"""States of notes on which a run decides."""
LONGEST = 254
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@(?:{_LABEL}\.)+{_LABEL}")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a stranger types on the page, and the language in which."""

    address: str
    given_name: str = ""
    family_name: str = ""
    locale: str = ""


# --- the page -----------------------------------------------------------------------------------------


def behind(store: Store, token: str, now: datetime) -> tuple[Link | Redemption | None, str]:
    """What a token is of, a link or a note that waits to be confirmed, and how that stands."""
    hashed = digest(token)
    link = store.acts.find_link(hashed)
    if link is not None:
        return link, standing(link, now)
    note = store.acts.find_redemption(hashed)
    if note is None:
        return None, "invalid"
    if note.state != "asked":
        return note, "used up"
    return note, "expired" if _is_over(note, now) else "open"


def _is_over(note: Redemption, now: datetime) -> bool:
    """Whether the time to confirm is over."""
    return note.expires_at is not None and note.expires_at <= now


def redeem(store: Store, token: str, wish: Wish, *, now: datetime, new_id: Callable[[str], str]) -> str:
    """Note down that somebody redeems a link; why not, or empty. The note is all that is written."""
    link = store.acts.find_link(digest(token))
    if link is None:
        return "invalid"
    if standing(link, now) != "open":
        return standing(link, now)
    if not is_address(wish.address) or not _allowed(link, wish.address):
        return "excluded"
    if not all(getattr(wish, name, "") for name in link.asks):
        return "incomplete"
    note = Redemption(
        new_id("x"),
        link.mapping,
        address=fold(wish.address),
        given_name=wish.given_name,
        family_name=wish.family_name,
        locale=wish.locale,
        unit=link.unit,
        asked_at=now,
    )
    return "" if store.acts.redeem(link.id, note, now) else "used up"


def confirm(store: Store, token: str, now: datetime) -> str:
    """Note down that whoever reads mail at the address wants it; why not, or empty."""
    note, stands = behind(store, token, now)
    if not isinstance(note, Redemption) or stands != "open":
        return stands if isinstance(note, Redemption) else "invalid"
    try:
        store.acts.save(replace(note, state="confirmed"))
    except Stale:  # a second click
        return "used up"
    return ""


def is_address(text: str) -> bool:
    """Whether this is a plain address, in ASCII: letters that look like others belong to other people."""
    return len(text) <= LONGEST and _ADDRESS.fullmatch(text) is not None


def _allowed(link: Link, address: str) -> bool:
    domain = address.rpartition("@")[2].lower()
    return not link.domains or domain in {one.lower() for one in link.domains}


# --- a run ---------------------------------------------------------------------------------------------


class _Refused(Exception):
    """Why nobody is let in by a note."""


def process(office: Office) -> Sequence[Verdict]:
    """Decide on every note that waits for it, by the right that the issuer of its link has now."""
    all_ = office.store.acts.all
    notes = [note for state in TO_DECIDE for note in all_(Redemption, office.mapping, state=state)]
    return [_decided(office, note) for note in notes]


def _decided(office: Office, note: Redemption) -> Verdict:
    try:
        return _let_in(office, note)
    except (_Refused, UsageError, AccountRefused) as error:
        office.store.acts.save(replace(note, state="refused", reason=str(error)))
        return Verdict(note.address, False, str(error))


def _let_in(office: Office, note: Redemption) -> Verdict:
    """Invite, or let it wait for approval or for a mail to be confirmed; raises where it is refused."""
    link = office.store.acts.get(Link, note.link)
    if link is None or link.revoked:
        raise _Refused("the link was switched off meanwhile")
    unit = office.path_of(link.unit)
    if office.world.document(unit).invitations.channels.link is None:
        place = office.world.places(("invitations", "channels"))
        raise _Refused(f"nobody is invited by link here (invitations.channels, {place})")
    issuer = replace(office, actor=_issuer(link), by=link.by)
    decision = issuer.decided(_act(office, note, link, unit))
    if not decision.allowed:
        raise _Refused(str(decision))
    if link.approval and note.state == "recorded":
        office.store.acts.save(replace(note, state="awaits"))
        return Verdict(note.address, True, "waits to be approved")
    if note.state != "confirmed" and _has_account(office, note):
        return _ask(office, note, link, unit)
    invited = replace(note, state="invited")
    asked = Asked(note.address, link.role, note.given_name, note.family_name, note.locale, answers=invited)
    verdict = issuer.invite(unit, [asked])[0]
    if not verdict.allowed:
        raise _Refused(verdict.detail)
    return verdict


def _act(office: Office, note: Redemption, link: Link, unit: Path) -> Act:
    person = office.known(note.address)
    return Act("invite", unit, office.subject(person, link.role, unit, note.address, note.address))


def _has_account(office: Office, note: Redemption) -> bool:
    """Whether somebody has the address who was not invited to it just now.

    Raises where the account never proved it: whoever reads the mail may be somebody else.
    """
    account = _account(office, note.address)
    if account is None or _is_invited(office, note.address):
        return False
    if not (account.verified or account.federated or account.provider_links):
        raise _Refused("an account has this address and never proved it")
    return True


def _account(office: Office, address: str) -> AccountState | None:
    """The account that has the address now; one that had it before is somebody else's."""
    if office.connect is None:
        return None
    directory = office.connect()
    native = directory.find(address)
    return directory.state(native) if native else None


def _is_invited(office: Office, address: str) -> bool:
    """Whether an invitation to the address is open: what is given waits for it, and for its mail."""
    found = office.store.acts.all(Invitation, office.mapping)
    return any(one.state in OPEN and fold(one.address) == address for one in found)


def _ask(office: Office, note: Redemption, link: Link, unit: Path) -> Verdict:
    """Mail a token to an address that has an account; without it nothing is given."""
    if office.world.document(unit).invitations.existing_account == "error":
        place = office.world.places(("invitations", "existing_account"))
        raise _Refused(f"an account has this address already (invitations.existing_account, {place})")
    if not office.public_url:
        raise _Refused("`public_url` is not set, so the address cannot be confirmed")
    asked = office.store.acts.all(Redemption, office.mapping, state="asked", unit=note.unit)
    if any(one.address == note.address and not _is_over(one, office.now()) for one in asked):
        raise _Refused("the address was asked to confirm already, and is not mailed again")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    locale = note.locale or office.locale_of(office.known(note.address), unit)
    values = {
        "unit": office.unit_title(unit, locale),
        "role": office.role_title(unit, link.role, locale),
        "url": address(office.public_url, token),
    }
    notice = Notice(
        office.new_id("n"),
        office.mapping,
        to=note.address,
        about="link.confirm",
        locale=locale,
        values=values,
    )
    hashed, until = digest(token), link.expires_at
    waits = replace(note, state="asked", token=hashed, expires_at=until, words=link.words)
    office.store.acts.change(waits, notices=[notice], by=link.by)
    return Verdict(note.address, True, "is asked to confirm by mail")


def _issuer(link: Link) -> Actor:
    return Actor("", operator=True) if link.by.startswith(OPERATOR) else Actor(link.by)


# --- approval ------------------------------------------------------------------------------------------


def awaiting(office: Office, unit: Path, who: str) -> Redemption | None:
    """The note of a link into the unit that waits to be approved."""
    anchor, name = office.compiled.units[unit], fold(who)
    found = [
        note
        for note in office.store.acts.all(Redemption, office.mapping, state="awaits")
        if name in (note.address, note.id) and note.unit in (anchor.uid, *anchor.former)
    ]
    return found[-1] if found else None


def answer(office: Office, unit: Path, note: Redemption, *, let_in: bool) -> Verdict:
    """Let somebody in who redeemed a link, in its role, or not; as whoever may invite to that role may."""
    link = office.store.acts.get(Link, note.link) or Link(note.link, note.mapping)
    decision = office.decided(_act(office, note, link, unit))
    if decision.allowed:
        state, reason = ("approved", "") if let_in else ("refused", "not approved")
        office.store.acts.save(replace(note, state=state, reason=reason), by=office.by)
    return Verdict(note.address, decision.allowed, str(decision), decision.place)
