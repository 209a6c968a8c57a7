"""Links that anyone who has one may redeem: made and revoked here, redeemed by `membership_redemptions`."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.acts import Link
from syncd.administration import Act
from syncd.errors import UsageError
from syncd.locale import LANGUAGES
from syncd.membership_transfer import TOKEN_BYTES, digest
from syncd.membership_words import Verdict

if TYPE_CHECKING:
    from datetime import datetime

    from syncd.membership import Office
    from syncd.model import Path

ANYBODY = "whoever has the link"


def create(office: Office, unit: Path, role: str = "", max_uses: int | None = None) -> Verdict:
    """Make a link to a role in a unit; its token is told once, in `Verdict.secret`."""
    channel = office.world.document(unit).invitations.channels.link
    if channel is None:
        place = office.world.places(("invitations", "channels"))
        return Verdict(
            "link", False, f"nobody is invited by link here (invitations.channels, {place})", place
        )
    decision = office.decided(Act("invite", unit, office.subject("", role, unit, ANYBODY)))
    if not decision.allowed:
        return Verdict("link", False, str(decision), decision.place)
    given = decision.gives[0].role
    if office.world.roles(unit)[given].privileged and "issuer" not in channel.binds:
        place = office.world.places(("invitations", "channels", "link"))
        cause = f'"{given}" is privileged, and links here do not bind their issuer'
        return Verdict("link", False, f"{cause} (invitations.channels.link.binds, {place})", place)
    token, now = secrets.token_urlsafe(TOKEN_BYTES), office.now()
    bounds = [uses for uses in (max_uses, channel.max_uses) if uses is not None]
    link = Link(
        office.new_id("k"),
        office.mapping,
        unit=office.compiled.units[unit].uid,
        role=given,
        by=office.by,
        token=digest(token),
        domains=tuple(channel.domains),
        max_uses=min(bounds, default=None),
        created_at=now,
        expires_at=channel.valid_for.after(now) if channel.valid_for else None,
        asks=tuple(name for name in channel.ask_invitee if name != "email"),
        approval=channel.approval,
        words=_words(office, unit, given),
    )
    office.store.acts.add(link, by=office.by)
    return Verdict(link.id, True, str(decision), decision.place, secret=token)


def address(public_url: str, token: str) -> str:
    """Where a token is used; empty where nobody said how people reach the public page."""
    return f"{public_url.rstrip('/')}/join/{token}" if public_url else ""


def _words(office: Office, unit: Path, role: str) -> dict[str, str]:
    """What the page says, in every language: it knows no mapping."""
    shown = {f"unit.{language}": office.unit_title(unit, language) for language in LANGUAGES}
    return shown | {f"role.{language}": office.role_title(unit, role, language) for language in LANGUAGES}


def revoke(office: Office, name: str) -> Verdict:
    """Switch a link off, as whoever may invite to its role may, or an operator.

    Raises `UsageError` for an unknown one.
    """
    link = office.store.acts.get(Link, name)
    if link is None or link.mapping != office.mapping:
        raise UsageError(f'there is no link "{name}"', "see `syncd links list`")
    refused = None if office.actor.operator else _kept_on(office, link)
    if refused is not None:
        return refused
    if link.revoked:
        return Verdict(name, True, "the link is switched off already")
    office.store.acts.save(replace(link, revoked=True), by=office.by)
    return Verdict(name, True, "the link is switched off")


def _kept_on(office: Office, link: Link) -> Verdict | None:
    """Why the actor does not switch the link off."""
    unit = office.path_of(link.unit)
    decision = office.decided(Act("invite", unit, office.subject("", link.role, unit, ANYBODY)))
    if not decision.allowed and link.by != office.by:
        return Verdict(link.id, False, str(decision), decision.place)
    channel = office.world.document(unit).invitations.channels.link
    if channel is None or channel.revocable or link.revoked:
        return None
    place = office.world.places(("invitations", "channels", "link"))
    cause = f"links here stay until they expire (invitations.channels.link.revocable, {place})"
    return Verdict(link.id, False, f"{cause}; an operator can switch one off", place)


def standing(link: Link, now: datetime) -> str:
    """How a link stands, in one word."""
    if link.revoked:
        return "revoked"
    if link.expires_at is not None and link.expires_at <= now:
        return "expired"
    return "used up" if link.max_uses is not None and link.uses >= link.max_uses else "open"
