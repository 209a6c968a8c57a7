"""What of a mapping somebody sees who asks by the API: what is not seen answers like what is not there.

A unit is seen by whoever holds a role in it or above it. Lists of a unit are for those whom some row of
administration lets act there; everybody sees what is their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.acts import Invitation, Link
from syncd.administration_rows import reached_by
from syncd.administration_words import is_within
from syncd.errors import UsageError
from syncd.identity import fold
from syncd.web.problems import unseen

if TYPE_CHECKING:
    from syncd.acts import Record
    from syncd.membership import Office
    from syncd.model import Path


def sees(office: Office, unit: Path) -> bool:
    """Whether the actor holds a role, not merely waits for one, in the unit or above it."""
    return any(is_within(unit, held.unit) and not held.waits for held in office.world.of(office.actor.person))


def administers(office: Office, unit: Path) -> bool:
    """Whether some row of administration lets the actor act in the unit."""
    return reached_by(office.actor, unit, office.world)


def unit(office: Office, text: str) -> Path:
    """A unit that the actor sees; raises the answer for what is not there."""
    found = office.unit(text)
    if not sees(office, found):
        raise unseen()
    return found


def person(office: Office, text: str) -> str:
    """The id of a person of whom the actor sees a membership; raises the answer for what is not there."""
    found = office.person(text)
    own = found == office.actor.person
    if not own and not any(sees(office, held.unit) for held in office.world.of(found)):
        raise unseen()
    return found


def invitation(office: Office, text: str) -> str:
    """The address or id of an invitation into a unit that the actor sees, or of one's own."""
    name = fold(text)
    found = [
        one
        for one in office.store.acts.all(Invitation, office.mapping)
        if name in (fold(one.address), one.id)
    ]
    is_own = bool(found and office.actor.person) and found[-1].person == office.actor.person
    if not found or not (is_own or at_hand(office, found[-1])):
        raise unseen()
    return text


def link(office: Office, id_: str) -> str:
    """The id of a link into a unit that the actor sees."""
    found = office.store.acts.get(Link, id_)
    if found is None or not at_hand(office, found):
        raise unseen()
    return id_


def at_hand(office: Office, record: Record) -> bool:
    """Whether the actor sees the unit of a record."""
    if record.mapping != office.mapping:
        return False
    try:
        return sees(office, office.path_of(getattr(record, "unit", "")))
    except UsageError:
        return False


def listed(office: Office, uid: str) -> bool:
    """Whether the actor may see the lists of the unit with this id; one that is gone is nobody's."""
    try:
        return administers(office, office.path_of(uid))
    except UsageError:
        return False
