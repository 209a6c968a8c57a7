"""Seats: the role that is left for one more person where `invitations.seats` bounds them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.administration_rows import full_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncd.administration import Held, World
    from syncd.model import Path

PAID = "paid"


def seated(world: World, unit: Path, person: str, role: str) -> str:
    """The role itself, or what `over_quota` gives instead where no seat is left in the root unit.

    Somebody who has such a seat takes no second one. Where there is no cheaper role the role stays, and
    `overbooked` says why it is refused.
    """
    invitations = world.document(unit).invitations
    wanted = full_name(role or invitations.default_role or "", world.roles(unit))
    if not overbooked(world, unit, person, wanted) or invitations.over_quota is None:
        return role
    return invitations.over_quota.downgrade_to


def overbooked(world: World, unit: Path, person: str, role: str) -> str:
    """Why the person cannot have the role: every seat of its kind is taken; empty where one is left."""
    document = world.document(unit)
    kind = document.roles[role].seat if role in document.roles else PAID
    seats = document.invitations.seats.get(kind)
    if seats is None or role not in document.roles:
        return ""
    taken = {held.person for held in holders_of_seats(world, unit[:1], kind)}
    has_better = any(_seat(world, held) == PAID for held in world.of(person) if held.unit[:1] == unit[:1])
    if person in taken or has_better or len(taken) < seats:
        return ""
    return f"all {seats} {kind} seats are taken"


def holders_of_seats(world: World, root: Path, kind: str) -> Iterator[Held]:
    """What is held in a root unit and below by people whose seat is of the kind; a paid one is their only."""
    inside = [held for held in world.holdings if held.unit[:1] == root]
    paying = {held.person for held in inside if _seat(world, held) == PAID}
    for held in inside:
        seat = _seat(world, held)
        if seat == kind and (kind == PAID or held.person not in paying):
            yield held


def _seat(world: World, held: Held) -> str:
    role = world.document(held.unit).roles.get(held.role)
    return role.seat if role else ""
