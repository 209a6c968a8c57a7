"""PURE: people in a directory: entries that are there, and entries that syncd is to make and keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.ldapwire import dn
from syncd.mapping.outputs_people import KEYCLOAK, Standing, entry_of, held, standing
from syncd.mapping.template import PERSON_NAMES, MissingValue, parse
from syncd.model import Key, Kind, Origin

if TYPE_CHECKING:
    from syncd.mapping.compiled import Assignment
    from syncd.mapping.outputs_drawing import Drawing, PeopleView
    from syncd.mapping.schema import LdapOutput

REQUIRED = frozenset({"cn", "sn"})
"""Attributes without which no entry of a person can be made (RFC 4519, object class person)."""


def person_standing(drawing: Drawing, output: LdapOutput, people: PeopleView, each: Assignment) -> Standing:
    """Whether the person can be in a group of this directory now, or waits and why."""
    person = people.id_of(each.who)
    if person is not None and people.account(person, drawing.output):
        return Standing(person, held(drawing, people, each))
    found = standing(drawing, people, each)
    if found.reason:
        return found
    if output.people == "reference":
        where = output.people_base or output.base
        return Standing(found.person, f"no entry below {where} has {each.text} as {output.match}")
    missing = _missing(drawing, output, people, each) or _twin(drawing, output, people, each)
    return Standing(found.person, missing, creates=not missing)


def draw_person(
    drawing: Drawing, output: LdapOutput, people: PeopleView, each: Assignment, found: Standing
) -> None:
    """The entry of a person, where entries of people are managed and this one is ours to write."""
    if output.people != "manage" or not (found.creates or people.made(found.person, drawing.output)):
        return
    entry, values = entry_of(drawing, each.who), _values(drawing, output, people, each)
    attrs = {name.lower(): value for name, value in person_attributes(output, values).items()}
    attrs["enabled"] = ("false" if entry.state == "disabled" else "true",)
    if found.creates and (name := _dn(output, values)):
        attrs = {**attrs, "dn": (name,)}  # what its first RDN implies, the target adds
    anchor = ("", f"person:{found.person}")
    origin = Origin(anchor, person=found.person, place=entry.place or each.place, source=entry.source)
    drawing.add(Key(Kind.PERSON, (), (found.person,)), attrs, origin)


def person_dn(drawing: Drawing, output: LdapOutput, people: PeopleView, each: Assignment) -> str:
    """The DN of the entry that would be made for the person, empty where a value for it lacks."""
    return _dn(output, _values(drawing, output, people, each)) or ""


def person_uid(drawing: Drawing, output: LdapOutput, people: PeopleView, each: Assignment) -> str:
    """The `uid` that it would have: that in its name, else the attribute."""
    values = _values(drawing, output, people, each)
    name = _dn(output, values)
    naming = dn.attributes(dn.parse(name)[0]) if name else ()
    given = {key.lower(): value[0] for key, value in person_attributes(output, values).items()}
    return next((str(value) for key, value in naming if dn.fold_type(key) == "uid"), given.get("uid", ""))


def person_attributes(
    output: LdapOutput, values: dict[str, str | tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """The attributes that the person's values fill; the others are left out."""
    attrs: dict[str, tuple[str, ...]] = {}
    for name, template in sorted(output.person_attributes.items()):
        try:
            attrs[name] = parse(template, PERSON_NAMES).render_each(values)
        except MissingValue:
            continue
    return attrs


def _twin(drawing: Drawing, output: LdapOutput, people: PeopleView, each: Assignment) -> str:
    """Two entries that would have one DN: the second waits."""
    name, person = _dn(output, _values(drawing, output, people, each)), people.id_of(each.who)
    if name is None or person is None or not drawing.named_before(f"dn {dn.fold_dn(name)}", person):
        return ""
    return f'two entries would be "{name}": change the `username` of one person, or the template'


def _missing(drawing: Drawing, output: LdapOutput, people: PeopleView, each: Assignment) -> str:
    """What is not known of a person and an entry cannot be without."""
    values = _values(drawing, output, people, each)
    given = {name.lower() for name in person_attributes(output, values)}
    wanted = {name.lower() for name in output.person_attributes} & REQUIRED
    if lacking := sorted(wanted - given):
        return (
            f"an entry of {each.text} needs {' and '.join(lacking)}: give the names in `people` or a roster"
        )
    name = _dn(output, values)
    if name is None:
        return f'"{output.person}" needs a value that is not known of {each.text}'
    base = output.people_base or output.base
    if not dn.is_below(name, base):
        return f'"{name}" lies outside {base}'
    return ""


def _dn(output: LdapOutput, values: dict[str, str | tuple[str, ...]]) -> str | None:
    try:
        return parse(output.person, PERSON_NAMES).render(values, dn.escape_rdn_value)
    except MissingValue:
        return None


def _values(
    drawing: Drawing, output: LdapOutput, people: PeopleView, each: Assignment
) -> dict[str, str | tuple[str, ...]]:
    """What the placeholders of a person stand for: files, then rosters, then the Keycloak account."""
    entry = entry_of(drawing, each.who)
    person = people.id_of(each.who)
    account = people.account(person, KEYCLOAK) if person else None
    return {
        **{f"attributes.{name}": values for name, values in entry.attributes.items()},
        "username": entry.username or (account.username if account else "") or entry.email,
        "email": entry.email or (account.email if account else ""),
        "given_name": entry.given_name or (account.given_name if account else ""),
        "family_name": entry.family_name or (account.family_name if account else ""),
        "base": output.base,
        "people_base": output.people_base or "",
        "mapping": drawing.compiled.id,
        "environment": drawing.environment,
    }
