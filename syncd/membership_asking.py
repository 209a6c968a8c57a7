"""What the e-mail channel asks of whoever invites: which fields, how many people at a time. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.mapping.check_members import is_address
from syncd.membership_words import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from syncd.administration import Actor, World
    from syncd.mapping.schema_rules import Channel
    from syncd.membership_words import Asked
    from syncd.model import Path

EMAIL = ("invitations", "channels", "email")
ATTRIBUTE = "attributes."
OWN_RULES = frozenset({"email", "role"})
"""Fields that need no look: an address is always given, and policy decides about the role."""


def one_by_one(world: World, unit: Path, asked: Sequence[Asked], actor: Actor) -> list[Verdict]:
    """A refusal for each where people are invited one at a time and several are named; operators may."""
    channel = world.document(unit).invitations.channels.email
    if len(asked) < 2 or actor.operator or channel is None or channel.batch:  # noqa: PLR2004 - several
        return []
    place = world.places((*EMAIL, "batch"))
    why = f"people are invited one at a time here (invitations.channels.email.batch, {place})"
    return [Verdict(one.address, False, why, place) for one in asked]


def lacking(world: World, unit: Path, one: Asked, beside: Sequence[Path]) -> Verdict | None:
    """Why a new invitation by e-mail is not made: no address, no such channel, or what it asks was not said.

    `beside` are further units that are given with it: each of a kind that the channel asks for. Whoever
    redeemed a link (`Asked.answers`) filled in a page that asks for itself.
    """
    channels = world.document(unit).invitations.channels
    if not is_address(one.address):
        cause = "this is no address that mail could reach; write it as name@example.org"
        return Verdict(one.address, False, f"{one.address}: {cause}")
    if one.answers is not None or (channels.email is None and channels.link is None):
        return None
    if channels.email is None:
        place = world.places(EMAIL[:2])
        cause = "nobody is invited by e-mail here, only by link"
        return Verdict(one.address, False, f"{one.address}: {cause} (invitations.channels, {place})", place)
    missing = next(_missing(world, channels.email, one, beside), None)
    if missing is None:
        return None
    key, cause = missing
    place = world.places((*EMAIL, key))
    rule = f"invitations.channels.email.{key}"
    return Verdict(one.address, False, f"{one.address}: {cause} ({rule}, {place})", place)


def _missing(world: World, channel: Channel, one: Asked, beside: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """(key of the channel, cause) of each thing that stands in the way."""
    domain = one.address.rpartition("@")[2].lower()
    if channel.domains and domain not in {each.lower().lstrip("@") for each in channel.domains}:
        yield "domains", f"{domain} is not among the domains that are invited by e-mail"
    kinds = world.compiled.document.kinds
    for field in channel.ask:
        if field not in kinds and field not in OWN_RULES and not _said(one, field):
            yield "ask", f"{field} is asked for and was not given"
    for path in beside:
        kind = world.unit(path).kind
        if channel.ask and kind not in channel.ask:
            yield "ask", f"no {kind} is asked for with an invitation; add the person there once they accepted"


def _said(one: Asked, field: str) -> bool:
    if field.startswith(ATTRIBUTE):
        return bool(one.attributes.get(field.removeprefix(ATTRIBUTE)))
    return bool(getattr(one, field))
