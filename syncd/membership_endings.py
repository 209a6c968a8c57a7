"""Notice before a dated membership ends: to its holder by mail, to applications by webhook; each once. Pure.

The id of a notice follows from what ends and when, so that no run writes it twice; a later end is another.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.acts import Notice
from syncd.membership_words import titled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from syncd.identity import Resolution
    from syncd.mapping.compiled import Assignment, Compiled

ABOUT = "membership.ending"
BEFORE = timedelta(days=7)


def ending(compiled: Compiled, people: Resolution, mapping: str, today: date) -> Iterator[Notice]:
    """The notices of all memberships that end within a week, those that left already included."""
    for one in compiled.given:
        person = people.ids.get(one.who, "")
        if one.until and today <= one.until <= today + BEFORE and person and not one.waits and not one.lent:
            yield from _both(compiled, people, mapping, one, person)


def _both(
    compiled: Compiled, people: Resolution, mapping: str, one: Assignment, person: str
) -> Iterator[Notice]:
    unit, entry = compiled.units[one.unit], compiled.people[one.who]
    account = people.accounts.get((person, "keycloak"))
    address = (account.email if account else "") or entry.email
    language = (account.locale if account else "") or entry.locale or compiled.document.settings.language
    locale, until = language or "en", one.until.isoformat() if one.until else ""
    what = f"{mapping}\n{person}\n{unit.uid}\n{one.role}\n{until}"
    same = "n_" + hashlib.sha256(what.encode()).hexdigest()[:16]
    if address:
        role = titled(compiled.role(one.unit, one.role).title, locale) or one.role.rpartition("/")[2]
        values = {"unit": titled(unit.title, locale) or unit.name, "role": role, "until": until}
        yield Notice(f"{same}m", mapping, to=address, about=ABOUT, locale=locale, values=values)
    told = {"person": address or one.text or one.who, "unit": unit.uid, "role": one.role, "until": until}
    yield Notice(f"{same}w", mapping, about=ABOUT, values=told)
