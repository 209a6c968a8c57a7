"""What `bootstrap` refuses before it asks a server anything."""

import pytest

from syncd.app.setup import bootstrap, write_integrity_key
from syncd.app_types import BootstrapRequest
from syncd.errors import StoreError, UsageError
from syncd.settings import SettingsInvalid

SETTINGS = """environment: test
store: sqlite:syncd.db
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


WITHOUT_KEYCLOAK = """environment: test
integrity_key: {file: keys/syncd.key}
mappings: {acme: acme.yaml}
"""


@pytest.fixture
def config(tmp_path):
    """A site without a server, whose key nobody has made yet."""
    (tmp_path / "acme.yaml").write_text("syncd: 1\norganizations: {acme: {}}\n")
    file = tmp_path / "syncd.yaml"
    file.write_text(WITHOUT_KEYCLOAK)
    return file


def test_a_mapping_that_is_not_there_is_named_with_the_likely_one(config):
    for remove in (False, True):
        with pytest.raises(UsageError) as raised:
            bootstrap(config, BootstrapRequest(mapping="acne", remove=remove))
        assert 'there is no mapping "acne"' in raised.value.message
        assert raised.value.remedy == 'did you mean "acme"?'


def test_where_syncd_yaml_says_where_a_mapping_is_another_path_is_refused(config):
    with pytest.raises(UsageError) as raised:
        bootstrap(config, BootstrapRequest(mapping="acme", mapping_path=str(config.parent / "other.yaml")))
    assert f"has acme at {config.parent / 'acme.yaml'}" in raised.value.message
    assert not (config.parent / "syncd.db").exists()
    path = str(config.parent / "acme.yaml")
    assert bootstrap(config, BootstrapRequest(mapping="acme", mapping_path=path)) != []


@pytest.mark.parametrize("request_", [{}, {"mapping": "acme", "remove": True}])
def test_a_path_of_no_mapping_or_of_one_to_be_taken_away_is_refused(config, request_):
    with pytest.raises(UsageError, match="--mapping-path"):
        bootstrap(config, BootstrapRequest(mapping_path="acme.yaml", **request_))


def test_the_key_that_syncd_yaml_names_is_made_where_it_is_missing(config):
    key = config.parent / "keys" / "syncd.key"
    steps = bootstrap(config, BootstrapRequest())
    assert steps[0] == f"integrity key written to {key}"
    assert key.stat().st_mode & 0o077 == 0
    assert (config.parent / "syncd.db").exists()
    assert bootstrap(config, BootstrapRequest()) == []


def test_a_lost_key_is_not_replaced_where_the_store_was_sealed_with_it(config):
    key = config.parent / "keys" / "syncd.key"
    bootstrap(config, BootstrapRequest())
    key.unlink()
    with pytest.raises(StoreError, match="another integrity key"):
        bootstrap(config, BootstrapRequest())
    assert not key.exists()


def test_a_key_that_cannot_be_written_is_a_refusal(config):
    (config.parent / "keys").write_text("a file, no folder")
    with pytest.raises(UsageError, match="cannot be written"):
        bootstrap(config, BootstrapRequest())


@pytest.mark.parametrize("environment", ["staging", "no name!"])
def test_a_new_syncd_yaml_has_the_environment_asked_for_or_is_not_written(tmp_path, environment):
    config = tmp_path / "syncd.yaml"
    request = BootstrapRequest(keycloak_url="https://sso.example", realm="acme", environment=environment)
    with pytest.raises(UsageError if environment == "staging" else SettingsInvalid):
        bootstrap(config, request)
    if environment == "staging":  # refused for want of an administrator, once it was written
        assert 'environment: "staging"' in config.read_text()
    assert config.exists() is (environment == "staging")
