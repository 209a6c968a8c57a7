"""PURE: checks of outputs: templates that can be rendered, kinds and roles that exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.mapping.suggestions import meant_or_listed
from syncd.mapping.template import (
    GROUP_NAMES,
    PERSON_NAMES,
    UNIT_NAMES,
    Template,
    TemplateError,
    parse,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.mapping.check_report import Keys, Report
    from syncd.mapping.schema import KeycloakOutput, LdapOutput

KEYCLOAK_UNIT = UNIT_NAMES - {"base"}
KEYCLOAK_GROUP = GROUP_NAMES - {"base"}
WRITTEN_CLASSES = ("groupOfNames", "groupOfUniqueNames", "posixGroup")
GREATEST = 2_147_483_647
"""Of a gidNumber: LDAP's integers have no end, those of systems do."""


def check_outputs(report: Report) -> None:
    """Everything about how the mapping looks in Keycloak and LDAP."""
    if report.document.keycloak:
        _check_keycloak(report, ("keycloak",), report.document.keycloak)
    for name, output in (report.document.ldap or {}).items():
        _check_ldap(report, ("ldap", name), output)


def _check_keycloak(report: Report, keys: Keys, output: KeycloakOutput) -> None:
    group = _template(report, (*keys, "group"), output.group, KEYCLOAK_GROUP)
    _template(report, (*keys, "unit_group"), output.unit_group, KEYCLOAK_UNIT)
    _template(report, (*keys, "organization_alias"), output.organization_alias, KEYCLOAK_UNIT)
    for key, path in (("group", output.group), ("unit_group", output.unit_group)):
        if not path.startswith("/"):
            report.value((*keys, key), f'"{path}" is no group path', "it begins with /")
    if group is not None and output.permissions != "none" and not group.names & {"role", "role_id"}:
        message = f"`permissions: {output.permissions}` needs a group for each role"
        report.value((*keys, "permissions"), message, "put {role} into `group`")
    for name, text in output.attributes.items():
        _template(report, (*keys, "attributes", name), text, KEYCLOAK_UNIT)
        report.attribute((*keys, "attributes", name), name)
    kind = report.document.kinds.get(str(output.organization))
    if output.organization is not False and (kind is None or kind.within):
        roots = [name for name, each in report.document.kinds.items() if not each.within]
        message = f'"{output.organization}" is no root kind'
        report.value((*keys, "organization"), message, meant_or_listed(str(output.organization), roots))


def _check_ldap(report: Report, keys: Keys, output: LdapOutput) -> None:
    _template(report, (*keys, "unit"), output.unit, UNIT_NAMES)
    group = _template(report, (*keys, "group"), output.group, GROUP_NAMES)
    _template(report, (*keys, "person"), output.person, PERSON_NAMES)
    _templates(report, (*keys, "group_attributes"), output.group_attributes, GROUP_NAMES)
    _templates(report, (*keys, "unit_attributes"), output.unit_attributes, UNIT_NAMES)
    _templates(report, (*keys, "person_attributes"), output.person_attributes, PERSON_NAMES)
    for key, dn in (("base", output.base), ("people_base", output.people_base)):
        if dn is not None and not all("=" in rdn for rdn in dn.replace("\\,", "").split(",")):
            report.value(
                (*keys, key), f'"{dn}" is no distinguished name', "for example ou=acme,dc=example,dc=org"
            )
    if output.people == "manage" and output.people_base is None:
        report.error(
            (*keys, "people"), "`people: manage` needs `people_base`", "say below what people's entries stand"
        )
    _check_written(report, keys, output)
    if group is not None and not group.names & {"role", "role_id", *UNIT_NAMES}:
        report.value(
            (*keys, "group"),
            "every unit and role would get one and the same entry",
            "put {role},{unit} into it",
        )
    _check_only(report, (*keys, "only"), output)


def _check_written(report: Report, keys: Keys, output: LdapOutput) -> None:
    """What the format knows and this version cannot write."""
    if output.group_class not in WRITTEN_CLASSES:
        hint = f"use {', '.join(WRITTEN_CLASSES[:-1])} or {WRITTEN_CLASSES[-1]}"
        report.value((*keys, "group_class"), f"{output.group_class} is not supported yet", hint)
    if output.group_class == "posixGroup":
        _check_posix(report, keys, output)
    elif output.gid_number is not None:
        report.value((*keys, "gid_number"), "only groups of class posixGroup have numbers", "leave it out")


def _check_posix(report: Report, keys: Keys, output: LdapOutput) -> None:
    """Numbers that can be given, and what groups of login names cannot do (RFC 2307)."""
    numbers = output.gid_number
    if numbers is None:
        hint = "for example gid_number: {from: 20000, to: 29999}"
        report.error((*keys, "group_class"), "posixGroup needs `gid_number`", hint)
    elif numbers.from_ < 1 or numbers.to > GREATEST:
        hint = f"0 is root's; write numbers from 1 to {GREATEST}"
        report.value((*keys, "gid_number"), "numbers that a group cannot have", hint)
    for name in output.group_attributes:
        if name.lower() in ("gidnumber", "memberuid"):
            report.error((*keys, "group_attributes", name), f"syncd itself writes {name}", "leave it out")
    if output.nested:
        hint = "leave it out, or use groupOfNames"
        report.value((*keys, "nested"), "a group of login names holds no groups", hint)
    if output.empty_group == "placeholder":
        report.value(
            (*keys, "empty_group"), "posixGroup needs no placeholder", "leave it out: it may be empty"
        )


def _check_only(report: Report, keys: Keys, output: LdapOutput) -> None:
    report.known((*keys, "kinds"), output.only.kinds, report.document.kinds, "kind")
    report.role_list((*keys, "roles"), output.only.roles)
    paths = {"/" + "/".join(names) for names, _, _ in report.document.walk()}
    report.known((*keys, "paths"), output.only.paths, paths, "unit")


def _templates(report: Report, keys: Keys, texts: Mapping[str, str], known: frozenset[str]) -> None:
    for name, text in texts.items():
        _template(report, (*keys, name), text, known)


def _template(report: Report, keys: Keys, text: str, known: frozenset[str]) -> Template | None:
    try:
        return parse(text, known)
    except TemplateError as error:
        report.value(keys, error.message, error.hint)
        return None
