"""Paid seats: the role that is left for one more person where `invitations.seats` bounds them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.administration_rows import full_name

if TYPE_CHECKING:
    from syncd.administration import World
    from syncd.model import Path

PAID = "paid"


def seated(world: World, unit: Path, person: str, role: str) -> str:
    """The role itself, or what `over_quota` gives instead where no paid seat is left in the root unit.

    Somebody who has a paid seat takes no second one. Where there is no cheaper role the role stays, and
    `overbooked` says why it is refused.
    """
    invitations = world.document(unit).invitations
    wanted = full_name(role or invitations.default_role or "", world.roles(unit))
    if not overbooked(world, unit, person, wanted) or invitations.over_quota is None:
        return role
    return invitations.over_quota.downgrade_to


def overbooked(world: World, unit: Path, person: str, role: str) -> str:
    """Why the person cannot have the role: every paid seat is taken; empty where one is left."""
    document = world.document(unit)
    seats = document.invitations.seats.get(PAID)
    if seats is None or role not in document.roles or document.roles[role].seat != PAID:
        return ""
    taken = {
        held.person
        for held in world.holdings
        if held.unit[:1] == unit[:1]
        and held.role in document.roles
        and document.roles[held.role].seat == PAID
    }
    if person in taken or len(taken) < seats:
        return ""
    return f"all {seats} paid seats are taken"
