"""Checks of people, rosters and policy."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from syncd.mapping.check_members import is_address
from syncd.mapping.check_names import fold_address
from syncd.mapping.check_report import located
from syncd.mapping.check_rules import PERSON_FIELDS, check_timezone
from syncd.mapping.limits_units import WHOLE
from syncd.mapping.suggestions import did_you_mean
from syncd.schedule import NotASchedule, rhythm_of

if TYPE_CHECKING:
    from syncd.mapping.check_report import Keys, Located, Report
    from syncd.mapping.schema import PersonModel, Policy, RosterModel

SOURCES = ("csv", "ldap", "http")
COLUMNS = (*PERSON_FIELDS, "state", "until")


def check_data(report: Report) -> None:
    """Everything about people, rosters and the policies of mapping and units."""
    _check_people(report)
    for name, roster in report.document.rosters.items():
        _check_roster(report, ("rosters", name), roster)
    _check_policy(report, ("policy",), report.document.policy)
    for here in located(report.document):
        if here.unit.policy:
            _check_policy(report, (*here.keys, "policy"), here.unit.policy)
            _check_policy_of_unit(report, here, here.unit.policy)


def _check_people(report: Report) -> None:
    seen: dict[tuple[str, str], Keys] = {}
    for key, person in report.document.people.items():
        keys = ("people", key)
        _check_addresses(report, keys, key, person)
        for name in person.attributes:
            report.attribute((*keys, "attributes", name), name)
        for what, text in _identities(key, person):
            folded = fold_address(text) if what == "address" else text.casefold()
            earlier = seen.setdefault((what, folded), keys)
            if earlier != keys:
                place = report.places.at(earlier)
                hint = "one person has one entry; earlier addresses go under `formerly`"
                report.error(keys, f'the {what} "{text}" is that of {earlier[1]} ({place}) too', hint)


def _identities(key: str, person: PersonModel) -> list[tuple[str, str]]:
    """Every (what, text) by which the person is known now or was before."""
    addresses = {
        fold_address(text) for text in (key if "@" in key else "", person.email, *person.formerly) if text
    }
    found = [("address", text) for text in sorted(addresses)]
    return [*found, ("username", person.username)] if person.username else found


def _check_addresses(report: Report, keys: Keys, key: str, person: PersonModel) -> None:
    if "@" in key and not is_address(key):
        report.error(keys, f'"{key}" is not an e-mail address')
    if person.email is not None and not is_address(person.email):
        report.value((*keys, "email"), f'"{person.email}" is not an e-mail address')
    elif person.email is not None and "@" in key and fold_address(person.email) != fold_address(key):
        hint = "an address as key is the address: drop `email`, or put the old one under `formerly`"
        report.value((*keys, "email"), f'"{person.email}" is not the address "{key}"', hint)
    for where, old in report.items((*keys, "formerly"), person.formerly):
        if not is_address(old):
            report.value(where, f'"{old}" is not an e-mail address', "`formerly` of a person holds addresses")


def _check_roster(report: Report, keys: Keys, roster: RosterModel) -> None:
    sources = [name for name in SOURCES if getattr(roster, name) is not None]
    if len(sources) != 1:
        said = f"not {' and '.join(sources)}" if sources else "and has none"
        report.error(keys, f"a roster has exactly one of csv, ldap, http, {said}", "make a roster of each")
    for column in roster.columns:
        if column not in COLUMNS and not re.fullmatch(r"attributes\..+", column):
            hint = did_you_mean(column, COLUMNS) or f"one of {', '.join(COLUMNS)}, attributes.NAME"
            report.error(
                (*keys, "columns", column), f'"{column}" is nothing that syncd knows of people', hint
            )
        report.attribute((*keys, "columns", column), column.removeprefix("attributes."))
    if not {"email", "username"} & set(roster.columns):
        where = (*keys, "columns")
        report.error(where, "no column says who the person is", "name the column of `email` or `username`")
    if len(roster.delimiter) != 1:
        report.value((*keys, "delimiter"), f'"{roster.delimiter}" is not one character', r'a tab is "\t"')
    try:
        codecs.lookup(roster.encoding)
    except LookupError:
        report.value(
            (*keys, "encoding"), f'unknown encoding "{roster.encoding}"', "for example utf-8 or cp1252"
        )
    if "%Y" not in roster.date_format and "%y" not in roster.date_format:
        report.value(
            (*keys, "date_format"), f'"{roster.date_format}" holds no year', 'for example "%d/%m/%Y"'
        )


def _check_policy_of_unit(report: Report, here: Located, policy: Policy) -> None:
    """What only a whole mapping can say stands in vain in a unit."""
    whole = [field for field in WHOLE if getattr(policy, field) is not None]
    for field in whole:
        hint = "write it into the mapping's `policy`"
        report.error((*here.keys, "policy", field), f"`{field}` is of the whole mapping", hint)
    if policy.admins_min is not None and here.above:
        hint = f"write it into the policy of /{here.names[0]}, or of the mapping"
        report.error((*here.keys, "policy", "admins_min"), "`admins_min` is of a root unit", hint)


def _check_policy(report: Report, keys: Keys, policy: Policy) -> None:
    for where, protected in report.items((*keys, "protected"), policy.protected):
        if not protected.strip():
            report.value(where, "protects nothing", "name a person, a group or a path")
    if policy.schedule is not None:
        check_timezone(report, (*keys, "schedule", "timezone"), policy.schedule.timezone)
        try:
            rhythm_of(policy.schedule.cron, "UTC")
        except NotASchedule as error:
            hint = 'five fields, for example "*/15 * * * *"'
            report.value((*keys, "schedule", "cron"), str(error), hint)
