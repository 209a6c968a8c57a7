"""PURE: what settings take from the members: guests where guests are turned off, holders without a seat."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from syncd.administration_settings import setting_at
from syncd.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from syncd.mapping.compiled import Assignment, RootModel
    from syncd.mapping.schema import MappingDocument
    from syncd.policy import Holding

SUSPENDED = "guests are turned off here, and `guests.when_disabled` is `suspend`"


def without_guests(
    assignments: Sequence[Assignment], models: Mapping[str, RootModel]
) -> tuple[Assignment, ...]:
    """The assignments, those of guests suspended where the settings in force for their unit say so."""
    off: dict[tuple[str, ...], bool] = {}

    def judged(each: Assignment) -> Assignment:
        document = models[each.unit[0]].document
        if not document.roles[each.role].external:
            return each
        if each.unit not in off:
            off[each.unit] = _suspends(document, each.unit)
        return replace(each, suspended=SUSPENDED) if off[each.unit] else each

    return tuple(map(judged, assignments))


def _suspends(document: MappingDocument, unit: tuple[str, ...]) -> bool:
    guests, when_disabled = (setting_at(document, unit, name) for name in ("guests", "guests.when_disabled"))
    return guests is False and when_disabled == "suspend"


def overbooked(model: RootModel, root: str, holdings: Sequence[Holding]) -> Iterator[Problem]:
    """Where more people hold seats of a root unit than there are, and `seats.overflow` is `refuse`."""
    document = model.document
    if setting_at(document, (root,), "seats.overflow") != "refuse":
        return
    paying = {one.person for one in holdings if document.roles[one.role].seat == "paid"}
    for kind, seats in sorted(document.invitations.seats.items()):
        seated = [one for one in holdings if document.roles[one.role].seat == kind]
        seated = [one for one in seated if kind == "paid" or one.person not in paying]
        people = {one.person for one in seated}
        if len(people) > seats:
            last = max(seated, key=lambda one: one.place)
            yield Problem(
                last.place,
                f"invitations.seats.{kind}",
                f"{len(people)} people hold {kind} seats in /{root}, there are {seats}",
                "take somebody out, raise `seats`, or say `settings: {seats: {overflow: disable_newest}}`",
            )
