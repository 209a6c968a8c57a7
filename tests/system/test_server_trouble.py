"""Trouble with one server: exit 4 with cause and cure, not one write on it, and the other target goes on."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from tests.system.conftest import bootstrapped
from tests.system.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.servers import Keycloak, Slapd

pytestmark = pytest.mark.live

PLATFORM = "/acme/dsi/platform/member"
BOTH = "member: [carla.cid@acme.example, dan.duval@acme.example]"
ONE = "member: [carla.cid@acme.example]"
CLOSED = "127.0.0.1:1"
LIMIT = 500  # entries that slapd gives to an account without limits of its own


@pytest.fixture(scope="module")
def shared_site(
    tmp_path_factory: pytest.TempPathFactory, keycloak_server: Keycloak, slapd_server: Slapd
) -> Iterator[Site]:
    """Applied once for all tests of this file."""
    name = f"t-{secrets.token_hex(5)}"
    top = f"ou={name},{slapd_server.suffix}"
    folder = tmp_path_factory.mktemp("trouble")
    Site(folder, keycloak_server, slapd_server, name, top, top).ldap(
        f"dn: {top}\nchangetype: add\nobjectClass: organizationalUnit\n"
    )
    made = bootstrapped(folder, keycloak_server, slapd_server, name, top)
    made.apply().ok()
    yield made
    keycloak_server.remove_realm(name)


@pytest.fixture
def pending(shared_site: Site) -> Iterator[Site]:
    """With a removal to make on both targets; afterwards settings and secrets are as before."""
    site = shared_site
    kept = {
        file: file.read_text("utf-8")
        for file in (site.config, site.folder / "secrets" / "keycloak", site.folder / "ldap")
    }
    site.edit(BOTH, ONE)
    yield site
    for file, text in kept.items():
        file.write_text(text, "utf-8")
    site.edit(ONE, BOTH)
    site.apply().ok()


def entry(site: Site) -> str:
    return f"cn=member,ou=platform,ou=dsi,ou=acme,{site.base}"


def set_in(site: Site, old: str, new: str) -> None:
    text = site.config.read_text("utf-8")
    assert old in text
    site.config.write_text(text.replace(old, new), "utf-8")


def refused(site: Site, *told: str) -> None:
    answer = site.apply()
    assert answer.code == 4
    said = " ".join((answer.out + answer.err).split())
    assert [part for part in told if part not in said] == [], said


def keycloak_alone_is_untouched(site: Site, *told: str) -> None:
    events, members = len(site.admin_events()), len(site.members(entry(site)))
    refused(site, *told)
    assert len(site.admin_events()) == events
    assert len(site.members(entry(site))) == members - 1


def directory_alone_is_untouched(site: Site, *told: str) -> None:
    before = site.snapshot()[1]
    members = len(site.groups()[PLATFORM]["members"])
    refused(site, *told)
    assert site.snapshot()[1] == before
    assert len(site.groups()[PLATFORM]["members"]) == members - 1


def test_keycloak_is_down(pending: Site) -> None:
    set_in(pending, pending.keycloak.url, f"http://{CLOSED}")
    keycloak_alone_is_untouched(pending, f"http://{CLOSED}/ refuses connections", "is Keycloak running")


def test_the_certificate_of_keycloak_is_not_trusted(pending: Site) -> None:
    """A listener whose certificate nobody vouches for: the handshake ends before any question of HTTP."""
    set_in(pending, pending.keycloak.url, pending.slapd.tls_url.replace("ldaps://", "https://"))
    keycloak_alone_is_untouched(pending, "certificate", "does not hold", "as `ca`")


def test_the_secret_of_the_client_is_wrong(pending: Site) -> None:
    (pending.folder / "secrets" / "keycloak").write_text("not the secret")
    keycloak_alone_is_untouched(pending, 'client "syncd" may not log in', "client_secret")


def test_the_realm_is_missing(pending: Site) -> None:
    set_in(pending, f'realm: "{pending.realm}"', "realm: nowhere")
    keycloak_alone_is_untouched(pending, 'realm "nowhere" does not exist', "syncd bootstrap")


def test_the_account_lacks_its_rights_in_the_realm(pending: Site) -> None:
    (client,) = pending.admin("GET", "clients?clientId=syncd")
    (management,) = pending.admin("GET", "clients?clientId=realm-management")
    user = pending.admin("GET", f"clients/{client['id']}/service-account-user")
    path = f"users/{user['id']}/role-mappings/clients/{management['id']}"
    rights = pending.admin("GET", path)
    pending.admin("DELETE", path, rights)
    keycloak_alone_is_untouched(pending, "lacks realm-management role view-users", "syncd bootstrap")
    pending.admin("POST", path, rights)


def test_the_directory_is_down(pending: Site) -> None:
    set_in(pending, pending.slapd.url, f"ldap://{CLOSED}")
    directory_alone_is_untouched(pending, f"ldap://{CLOSED}", "Connection refused", "Is the server running")


def test_the_certificate_of_the_directory_is_not_trusted(pending: Site) -> None:
    set_in(pending, pending.slapd.url, pending.slapd.tls_url)
    directory_alone_is_untouched(pending, "certificate of", "does not hold", "as `ca`")


def test_the_password_of_the_directory_is_wrong(pending: Site) -> None:
    (pending.folder / "ldap").write_text("not the password")
    directory_alone_is_untouched(pending, "invalid credentials", "Check bind_dn and password")


def test_the_base_is_missing(pending: Site) -> None:
    set_in(pending, pending.base, pending.base.replace("ou=units", "ou=nowhere"))
    directory_alone_is_untouched(pending, "ou=nowhere", "does not exist", "Create it, or correct the base")


def test_the_directory_cuts_the_answer_off_at_its_size_limit(pending: Site) -> None:
    """Half of what is there must not be taken for all of it."""
    reader = f"uid=reader,{pending.people_base}"
    pending.ldap(
        f"dn: {reader}\nchangetype: add\nobjectClass: inetOrgPerson\ncn: reader\nsn: reader\n"
        "userPassword: reader-secret\n",
        *(
            f"dn: ou=foreign-{number},{pending.base}\nchangetype: add\nobjectClass: organizationalUnit\n"
            for number in range(LIMIT)
        ),
    )
    set_in(pending, pending.slapd.bind_dn, reader)
    (pending.folder / "ldap").write_text("reader-secret")
    directory_alone_is_untouched(pending, "size limit exceeded", "olcLimits")
