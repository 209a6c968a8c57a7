"""A directory behind the realm: people who come from LDAP, below the base where syncd looks for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.acceptance.product import Product

PROVIDER = "org.keycloak.storage.UserStorageProvider"


def federate(site: Product, *people: str) -> None:
    """Have entries made that are nobody's of syncd, and Keycloak read them and write their passwords."""
    base = f"ou=sourced,{site.people_base}"
    site.ldap(
        f"dn: {base}\nchangetype: add\nobjectClass: organizationalUnit\n",
        *(_entry(who, base) for who in people),
    )
    config = {
        "enabled": "true",
        "vendor": "other",
        "editMode": "WRITABLE",
        "importEnabled": "true",
        "connectionUrl": site.slapd.url,
        "usersDn": base,
        "bindDn": site.slapd.admin_dn,
        "bindCredential": site.slapd.admin_password,
        "authType": "simple",
        "usernameLDAPAttribute": "uid",
        "rdnLDAPAttribute": "uid",
        "uuidLDAPAttribute": "entryUUID",
        "userObjectClasses": "inetOrgPerson",
        "syncRegistrations": "false",
    }
    made = {
        "name": "people",
        "providerId": "ldap",
        "providerType": PROVIDER,
        "parentId": site.admin("GET", "")["id"],
        "config": {name: [value] for name, value in config.items()},
    }
    site.admin("POST", "components", made)
    for who in people:
        (user,) = site.admin("GET", f"users?username={who}&exact=true")
        assert user["federationLink"]


def entry_of(site: Product, who: str) -> str:
    return f"uid={who},ou=sourced,{site.people_base}"


def _entry(who: str, base: str) -> str:
    return (
        f"dn: uid={who},{base}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: {who}\nmail: {who}\n"
        "cn: Given Family\ngivenName: Given\nsn: Family\nuserPassword: a long password\n"
    )
