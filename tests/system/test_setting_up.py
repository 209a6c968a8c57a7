"""`bootstrap` and `doctor` on a real Keycloak: an administrator of one realm, other realms, the sender."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.system.site import Site

pytestmark = pytest.mark.live

ADMIN = "realm-setup"


def administrator_of_the_realm(site: Site) -> str:
    """A client in the realm itself whose service account may do everything there; its secret."""
    site.admin(
        "POST",
        "clients",
        {"clientId": ADMIN, "serviceAccountsEnabled": True, "publicClient": False, "secret": "s3cr3t"},
    )
    client = site.admin("GET", f"clients?clientId={ADMIN}")[0]["id"]
    user = site.admin("GET", f"clients/{client}/service-account-user")["id"]
    management = site.admin("GET", "clients?clientId=realm-management")[0]["id"]
    role = site.admin("GET", f"clients/{management}/roles/realm-admin")
    site.admin("POST", f"users/{user}/role-mappings/clients/{management}", [role])
    return "s3cr3t"


def test_an_administrator_of_the_realm_alone_can_set_it_up(site: Site) -> None:
    secret = site.folder / "realm-admin"
    secret.write_text(administrator_of_the_realm(site))
    words = ("--admin-client-id", ADMIN, "--admin-client-secret-file", str(secret))
    assert site.cli("bootstrap", *words, "--admin-realm", "nowhere").code == 4
    site.admin("PUT", "", {"smtpServer": {}})
    site.cli("bootstrap", *words, "--admin-realm", site.realm, "--smtp-host", "127.0.0.1").ok()
    assert site.admin("GET", "")["smtpServer"]["from"] == f"no-reply@{site.realm}.example"


def test_mails_come_from_the_address_of_our_own_notices(site: Site) -> None:
    config = site.config.read_text()
    site.config.write_text(f"{config}smtp: {{host: 127.0.0.1, from: syncd@acme.example}}\n")
    site.bootstrap().ok()
    assert site.admin("GET", "")["smtpServer"]["from"] == "syncd@acme.example"


def test_doctor_looks_at_the_realm_that_the_mapping_names(site: Site) -> None:
    assert checks(site)["sso: realm"]["status"] == "ok"
    site.edit('keycloak: {group: "', 'keycloak: {realm: elsewhere, group: "')
    found = checks(site)
    assert "sso: realm" not in found
    assert [one["status"] for name, one in found.items() if name.startswith("sso: realm elsewhere: ")][
        -1
    ] == "fail"


def checks(site: Site) -> dict[str, dict[str, Any]]:
    answer = site.cli("--output", "json", "doctor")
    return {one["name"]: one for one in answer.json["checks"]}
