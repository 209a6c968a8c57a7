"""What `syncd bootstrap` makes of a realm beyond roles, and what the realm then holds people to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.system.site import Site

pytestmark = pytest.mark.live


def test_a_realm_holds_passwords_to_what_the_mapping_says_and_takes_the_theme(site: Site) -> None:
    password = "invitee: {password: {min: 9, max: 32}}"
    site.edit("invitations: {unknown: create}", f"invitations: {{unknown: create, {password}}}")
    realm = site.admin("GET", "")
    assert "passwordPolicy" not in realm
    done = site.bootstrap("--email-theme", "syncd").ok()
    assert "password policy: length(9) and maxLength(32)" in done.out
    realm = site.admin("GET", "")
    assert realm["passwordPolicy"] == "length(9) and maxLength(32)"
    assert realm["emailTheme"] == "syncd"
    assert "Everything was there already." in site.bootstrap("--email-theme", "syncd").ok().out


def test_a_theme_that_the_server_has_not_is_said_and_the_realm_left_alone(site: Site) -> None:
    done = site.bootstrap("--email-theme", "elsewhere").ok()
    assert 'the server has no e-mail theme "elsewhere"' in done.out
    assert "emailTheme" not in site.admin("GET", "")


def test_a_mapping_of_another_realm_than_its_connection_is_told_what_is_left_by_hand(site: Site) -> None:
    site.edit("keycloak: {group:", "keycloak: {realm: master, group:")
    done = site.bootstrap().ok()
    told = f'acme is of the realm "master", and sso logs in to "{site.realm}": give syncd its roles in master'
    assert told in done.out
