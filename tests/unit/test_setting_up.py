"""What `bootstrap` refuses before it asks a server anything."""

import pytest

from syncd.app.setup import bootstrap, write_integrity_key
from syncd.app_types import BootstrapRequest
from syncd.errors import UsageError

SETTINGS = """environment: test
store: sqlite:///syncd.db
{key}connections:
  sso: {{type: keycloak, url: "http://127.0.0.1:1", realm: acme, client_id: a, client_secret: {{file: s}}}}
mappings: {{one: one.yaml, other: other.yaml}}
"""
KEY = "integrity_key: {file: syncd.key}\n"


@pytest.fixture
def refusal(tmp_path):
    """What bootstrap says of two mappings and a key line of syncd.yaml."""
    (tmp_path / "admin").write_text("secret")
    write_integrity_key(tmp_path / "syncd.key")

    def told(one: str, other: str, key: str = KEY) -> str:
        (tmp_path / "syncd.yaml").write_text(SETTINGS.format(key=key))
        (tmp_path / "one.yaml").write_text(f"syncd: 1\n{one}\n")
        (tmp_path / "other.yaml").write_text(f"syncd: 1\n{other}\n")
        request = BootstrapRequest(admin_client_id="admin", admin_client_secret_file=str(tmp_path / "admin"))
        with pytest.raises(UsageError) as raised:
            bootstrap(tmp_path / "syncd.yaml", request)
        return f"{raised.value.message}; {raised.value.remedy}"

    return told


def asks(least: int, most: int, more: str = "") -> str:
    return f"invitations: {{invitee: {{password: {{min: {least}, max: {most}}}}}}}\n{more}"


def test_mappings_of_one_realm_that_ask_for_other_passwords_are_refused(refusal):
    assert refusal(asks(8, 32), asks(12, 32)) == (
        'mappings of the realm "acme" ask for passwords of different lengths '
        "(one: min 8, max 32; other: min 12, max 32); "
        "a realm has one password policy: say the same in `invitations.invitee.password` of each"
    )


def test_a_missing_key_is_said_before_anything_is_made(refusal):
    said = refusal(asks(8, 32), asks(8, 32), key="")
    assert "syncd.yaml: integrity_key is missing; write `integrity_key: {file: syncd.key}`" in said
