"""PURE: the people that files and rosters name, and which texts mean one of them.

A username is only ever what somebody wrote: an address is not taken for one, because an account may
be registered under any name, and a name that is an address proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from syncd.mapping.check_names import fold_address
from syncd.mapping.compiled import PersonEntry
from syncd.model import DECLARED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from syncd.errors import Place
    from syncd.mapping.places import Places
    from syncd.mapping.schema import PersonModel, RosterModel
    from syncd.roster import Roster, Row

FIELDS = ("email", "username", "given_name", "family_name", "locale")
ATTRIBUTE = "attributes."


@dataclass(slots=True)
class People:
    """Everybody named so far, found by any text that names them; files win over rosters, both over acts."""

    entries: dict[str, PersonEntry] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    ends: dict[str, date] = field(
        default_factory=dict
    )  # `until` of a person, for everything the person holds

    def ref(self, text: str) -> str:
        """The key in `entries` of whoever the text names; a text never seen before names itself."""
        folded = fold_address(text)
        return self.refs.get(folded, folded)

    def named(self, text: str, found: PersonEntry | None = None) -> str:
        """Note that the text names a person, with what a roster says of them; answers the person's key."""
        folded = fold_address(text)
        ref = self.refs.setdefault(folded, folded)
        known = self.entries.get(ref)
        if known is None or known.source not in DECLARED:
            known = _plain(folded)
        self.entries[ref] = _completed(known, found) if found else known
        return ref

    def acted(self, text: str, source: str, place: Place) -> str:
        """Note that an act names a person, which tells nothing new of anybody whom files or rosters know."""
        folded = fold_address(text)
        ref = self.ref(folded)
        self.entries.setdefault(ref, replace(_plain(folded), source=source, place=place))
        self.refs.setdefault(folded, ref)
        return ref


def declared_people(people: Mapping[str, PersonModel], places: Places) -> People:
    """The `people` of the files, found by key, address, former address and username."""
    found = People()
    for key in sorted(people):
        model, keys = people[key], ("people", key)
        entry = _declared(key, model)
        found.entries[entry.ref] = replace(entry, place=places.at(keys))
        if model.until:
            found.ends[entry.ref] = model.until
        for text in filter(None, (entry.ref, entry.email, entry.username, *entry.formerly)):
            found.refs.setdefault(text, entry.ref)
    return found


def link_rows(people: People, rows: Iterable[Row], columns: Mapping[str, str], *, folded: bool) -> None:
    """Let the username of a roster row mean the person of its address, unless the files say otherwise."""
    for row in rows:
        email, username = (row.text(column(name, columns, folded=folded)) for name in FIELDS[:2])
        if email and username:
            people.refs.setdefault(username, people.ref(email))


def complete_profiles(people: People, roster: Roster, model: RosterModel) -> None:
    """Let a roster say what people named anywhere are called, also where no line selects their rows."""
    for row in (*roster.rows, *roster.remembered):
        text = row_text(row, model.columns, folded=roster.folded)
        known = people.entries.get(people.ref(text))
        if known is not None and known.place != row.place:  # else a selection has told it already
            people.named(text, row_entry(row, model, roster))


def row_text(row: Row, columns: Mapping[str, str], *, folded: bool) -> str:
    """The text by which a roster row names its person: the address, else the username, else nothing."""
    return next(filter(None, (row.text(column(name, columns, folded=folded)) for name in FIELDS[:2])), "")


def column(name: str, columns: Mapping[str, str], *, folded: bool) -> str:
    """The column of the source behind a name: as `columns` maps it, else of that very name."""
    mapped = columns.get(name, name)
    return mapped.lower() if folded else mapped


def row_entry(row: Row, model: RosterModel, roster: Roster) -> PersonEntry:
    """What one roster row says of its person."""
    values = {name: row.text(column(name, model.columns, folded=roster.folded)) for name in FIELDS}
    attributes = {
        name.removeprefix(ATTRIBUTE): row.values.get(column(name, model.columns, folded=roster.folded), ())
        for name in model.columns
        if name.startswith(ATTRIBUTE)
    }
    given = {name: value for name, value in attributes.items() if value}
    email = fold_address(values["email"])
    return PersonEntry(
        ref=email or values["username"],
        email=email,
        username=values["username"],
        given_name=values["given_name"],
        family_name=values["family_name"],
        locale=values["locale"],
        attributes=given,
        state=_state(row, model, folded=roster.folded),
        source="roster",
        place=row.place,
    )


def _state(row: Row, model: RosterModel, *, folded: bool) -> str:
    """`disabled` where the roster has a column for it and says so."""
    said = "state" in model.columns and row.text(column("state", model.columns, folded=folded))
    return "disabled" if said == "disabled" else "active"


def _declared(key: str, model: PersonModel) -> PersonEntry:
    email = fold_address(model.email or (key if "@" in key else ""))
    return PersonEntry(
        ref=fold_address(key),
        email=email,
        username=model.username or ("" if email else key),
        given_name=model.given_name or "",
        family_name=model.family_name or "",
        locale=model.locale or "",
        attributes=model.attributes,
        formerly=tuple(map(fold_address, model.formerly)),
        state=model.state,
    )


def _plain(text: str) -> PersonEntry:
    return PersonEntry(text, email=text) if "@" in text else PersonEntry(text, username=text)


def _completed(known: PersonEntry, more: PersonEntry) -> PersonEntry:
    """What is known, with the gaps filled by what a roster says."""
    gaps = {name: getattr(more, name) for name in FIELDS if not getattr(known, name)}
    bare = known.source == "file" and known.place is None
    source, place = (more.source, more.place) if bare else (known.source, known.place)
    state = "disabled" if "disabled" in (known.state, more.state) else known.state
    attributes = {**more.attributes, **known.attributes}
    return replace(known, **gaps, attributes=attributes, state=state, source=source, place=place)
