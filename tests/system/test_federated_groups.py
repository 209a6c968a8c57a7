"""A group that Keycloak takes from the entries that the same mapping writes is refused; doctor says so."""

from __future__ import annotations

from typing import Any

import pytest

from tests.system.site import Site

pytestmark = pytest.mark.live

OUTPUTS = """\
keycloak: {group: "/directory/{path:-}-{role}", unit_group: "/{path}"}
ldap: {people: manage, group: "cn={path:-}-{role},{base}"}
"""


def component(site: Site, parent: str, kind: str, provider: str, config: dict[str, str]) -> str:
    """A component of the realm as the console makes one; its id."""
    body = {
        "name": "staff" if provider == "ldap" else "groups",
        "providerType": f"org.keycloak.storage.{kind}",
        "providerId": provider,
        "parentId": parent,
        "config": {name: [value] for name, value in config.items()},
    }
    site.admin("POST", "components", body)
    (made,) = (
        one
        for one in site.admin("GET", f"components?parent={parent}&type=org.keycloak.storage.{kind}")
        if one["name"] == body["name"]
    )
    return str(made["id"])


def federate(site: Site) -> tuple[str, str]:
    """A user federation of the site's own directory whose group mapper looks at the site's own base."""
    realm = site.admin("GET", "")["id"]
    directory = component(
        site,
        realm,
        "UserStorageProvider",
        "ldap",
        {
            "enabled": "true",
            "vendor": "other",
            "editMode": "READ_ONLY",
            "connectionUrl": site.slapd.url,
            "usersDn": site.people_base,
            "bindDn": site.slapd.bind_dn,
            "bindCredential": site.slapd.bind_password,
            "authType": "simple",
            "usernameLDAPAttribute": "uid",
            "rdnLDAPAttribute": "uid",
            "uuidLDAPAttribute": "entryUUID",
            "userObjectClasses": "inetOrgPerson",
        },
    )
    mapper = component(
        site,
        directory,
        "ldap.mappers.LDAPStorageMapper",
        "group-ldap-mapper",
        {
            "groups.dn": site.base,
            "groups.path": "/directory",
            "group.name.ldap.attribute": "cn",
            "group.object.classes": "groupOfNames",
            "membership.ldap.attribute": "member",
            "membership.attribute.type": "DN",
            "membership.user.ldap.attribute": "uid",
            "user.roles.retrieve.strategy": "LOAD_GROUPS_BY_MEMBER_ATTRIBUTE",
            "preserve.group.inheritance": "false",
            "ignore.missing.groups": "false",
            "drop.non.existing.groups.during.sync": "false",
            "mode": "READ_ONLY",
        },
    )
    return directory, mapper


def sync(site: Site, directory: str, mapper: str) -> dict[str, Any]:
    path = f"user-storage/{directory}/mappers/{mapper}/sync?direction=fedToKeycloak"
    answer: dict[str, Any] = site.admin("POST", path)
    return answer


def test_a_group_that_comes_from_the_entry_we_write_is_refused_before_anything_is_written(site: Site) -> None:
    text = site.mapping.read_text("utf-8")
    site.write(text[: text.index("keycloak: {")] + OUTPUTS)
    site.apply().ok()
    directory, mapper = federate(site)
    taken = sync(site, directory, mapper)
    assert (taken["added"], taken["updated"]) == (0, 8)  # every role group, by its name
    site.edit("member: [carla.cid@acme.example, dan.duval@acme.example]", "member: [carla.cid@acme.example]")
    before = site.snapshot()
    refused = site.apply()
    assert refused.code == 65
    told = " ".join(refused.err.split())
    assert (
        "acme.yaml:32:1: keycloak: the group /directory/acme-admin (and 7 more) would be written twice: "
        f'Keycloak takes it from {site.base} at {site.slapd.url} (user federation "staff, groups", '
        "READ_ONLY), where `ldap` (acme.yaml:33:1) writes it;"
    ) in told
    assert "give the mapper another Groups Path or LDAP Groups DN" in told
    assert site.snapshot() == before
    (line,) = (
        one for one in site.cli("--output", "json", "doctor").json["checks"] if "federation" in one["name"]
    )
    assert line["status"] == "fail"
    assert "/directory/acme-admin" in line["detail"]
    site.admin("DELETE", f"components/{mapper}")
    site.apply().ok()
