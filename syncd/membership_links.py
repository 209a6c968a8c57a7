"""Links that anyone who has one may redeem: made and revoked by people, redeemed by strangers.

Whoever redeems writes only a note (`redeem`): the public listener has no right to anything else. What
the note asks for is decided later, by the right that the link's issuer has then.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.acts import Link, Redemption
from syncd.administration import Act, Actor
from syncd.errors import UsageError
from syncd.identity import fold
from syncd.membership_transfer import TOKEN_BYTES, digest
from syncd.membership_words import Asked, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from syncd.membership import Office
    from syncd.model import Path
    from syncd.store import Store

OPERATOR = "operator:"


def create(office: Office, unit: Path, role: str = "", max_uses: int | None = None) -> Verdict:
    """Make a link to a role in a unit; its token is told once, in `Verdict.secret`."""
    channel = office.world.document(unit).invitations.channels.link
    if channel is None:
        place = office.world.places(("invitations", "channels"))
        return Verdict(
            "link", False, f"nobody is invited by link here (invitations.channels, {place})", place
        )
    decision = office.decided(Act("invite", unit, office.subject("", role, unit, "whoever has the link")))
    if not decision.allowed:
        return Verdict("link", False, str(decision), decision.place)
    token, now = secrets.token_urlsafe(TOKEN_BYTES), office.now()
    bounds = [uses for uses in (max_uses, channel.max_uses) if uses is not None]
    link = Link(
        office.new_id("k"),
        office.mapping,
        unit=office.compiled.units[unit].uid,
        role=decision.gives[0].role,
        by=office.by,
        token=digest(token),
        domains=tuple(channel.domains),
        max_uses=min(bounds, default=None),
        created_at=now,
        expires_at=channel.valid_for.after(now) if channel.valid_for else None,
    )
    office.store.acts.add(link, by=office.by)
    return Verdict(link.id, True, str(decision), decision.place, secret=token)


def revoke(office: Office, name: str) -> Verdict:
    """Switch a link off, as whoever may invite to its role may; raises `UsageError` for an unknown one."""
    link = office.store.acts.get(Link, name)
    if link is None or link.mapping != office.mapping:
        raise UsageError(f'there is no link "{name}"', "see `syncd links list`")
    unit = office.path_of(link.unit)
    decision = office.decided(
        Act("invite", unit, office.subject("", link.role, unit, "whoever has the link"))
    )
    if not decision.allowed and link.by != office.by:
        return Verdict(name, False, str(decision), decision.place)
    if link.revoked:
        return Verdict(name, True, "the link is switched off already")
    office.store.acts.save(replace(link, revoked=True), by=office.by)
    return Verdict(name, True, "the link is switched off")


def standing(link: Link, now: datetime) -> str:
    """How a link stands, in one word."""
    if link.revoked:
        return "revoked"
    if link.expires_at is not None and link.expires_at <= now:
        return "expired"
    return "used up" if link.max_uses is not None and link.uses >= link.max_uses else "open"


def redeem(  # noqa: PLR0913 - what the page asks for, and what a note needs
    store: Store,
    token: str,
    address: str,
    *,
    given_name: str = "",
    family_name: str = "",
    now: datetime,
    new_id: Callable[[str], str],
) -> str:
    """Note down that somebody redeems a link; why not, or empty. The note is all that is written."""
    link = store.acts.find_link(digest(token))
    if link is None:
        return "invalid"
    if standing(link, now) != "open":
        return standing(link, now)
    domain = address.rpartition("@")[2].lower()
    if "@" not in address or (link.domains and domain not in {one.lower() for one in link.domains}):
        return "excluded"
    note = Redemption(
        new_id("x"),
        link.mapping,
        address=fold(address),
        given_name=given_name,
        family_name=family_name,
        asked_at=now,
    )
    return "" if store.acts.redeem(link.id, note, now) else "used up"


def process_redemptions(office: Office) -> Sequence[Verdict]:
    """Invite whoever redeemed a link, where its issuer may still invite to that role."""
    verdicts = []
    for note in office.store.acts.all(Redemption, office.mapping, state="recorded"):
        verdict = _redeemed(office, note)
        state, reason = ("invited", "") if verdict.allowed else ("refused", verdict.detail)
        office.store.acts.save(replace(note, state=state, reason=reason))
        verdicts.append(verdict)
    return verdicts


def _redeemed(office: Office, note: Redemption) -> Verdict:
    link = office.store.acts.get(Link, note.link)
    if link is None or link.revoked:
        return Verdict(note.address, False, "the link was switched off meanwhile")
    try:
        unit = office.path_of(link.unit)
    except UsageError as gone:
        return Verdict(note.address, False, gone.message)
    issuer = replace(office, actor=_issuer(link), by=link.by)
    asked = Asked(note.address, link.role, note.given_name, note.family_name)
    return issuer.invite(unit, [asked])[0]


def _issuer(link: Link) -> Actor:
    return Actor("", operator=True) if link.by.startswith(OPERATOR) else Actor(link.by)
