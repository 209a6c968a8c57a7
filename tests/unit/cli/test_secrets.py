"""A secret that stands where it must not, or where it may, is never printed by any command in any form."""

import click
import psycopg
import pytest

from syncd.cli import root
from tests.unit.cli.test_exit_codes import everything

CANARY = "canary-83ad17"
LITERAL = f"""\
environment: test
connections:
  sso:
    type: keycloak
    url: https://sso.example
    realm: acme
    client_id: syncd
    client_secret: >-
      {CANARY}
  other: {{type: keycloak, clientid: x, client_secret: {CANARY}, client_secret: {CANARY}}}
store: postgresql://syncd:{CANARY}@db/syncd
"""
WITHOUT_DUPLICATE = LITERAL.replace(f", client_secret: {CANARY}}}", "}")
BY_REFERENCE = """\
environment: test
store: sqlite:syncd.db
connections:
  sso: {type: keycloak, url: https://127.0.0.1:9, realm: acme, client_id: syncd, client_secret: {file: kc}}
  directory: {type: ldap, urls: "ldaps://127.0.0.1:9", bind_dn: cn=syncd, password: {env: DIRECTORY_PASSWORD}}
integrity_key: {file: kc}
"""


@pytest.fixture
def syncd_yaml(tmp_path, monkeypatch):
    monkeypatch.setenv("DIRECTORY_PASSWORD", CANARY)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kc").write_text(CANARY * 4)

    def write(text: str) -> None:
        (tmp_path / "syncd.yaml").write_text(text)

    return write


@pytest.mark.parametrize("output", ["text", "json", "markdown", "github"])
@pytest.mark.parametrize("text", [LITERAL, WITHOUT_DUPLICATE], ids=["syntax", "meaning"])
@pytest.mark.parametrize("args", [["config", "show"], ["status"], ["plan"], ["validate"]], ids=" ".join)
def test_a_literal_secret_is_refused_and_not_shown(call, syncd_yaml, output, text, args):
    syncd_yaml(text)
    result = call("--output", output, *args)
    assert result.code == 65
    assert "client_secret" in result.out + result.err
    assert CANARY not in result.out + result.err


@pytest.mark.parametrize("output", ["text", "json", "markdown", "github"])
@pytest.mark.parametrize("args", [["config", "show"], ["status"], ["db", "check"]], ids=" ".join)
def test_a_secret_by_reference_is_not_shown(call, syncd_yaml, output, args):
    syncd_yaml(BY_REFERENCE)
    result = call("--output", output, *args)
    assert result.out + result.err
    assert CANARY not in result.out + result.err
    if args == ["config", "show"]:
        assert "DIRECTORY_PASSWORD" in result.out.replace("\\", "")


def test_a_variable_that_holds_a_secret_is_named_and_not_shown(call, syncd_yaml, monkeypatch):
    syncd_yaml(BY_REFERENCE)
    monkeypatch.setenv("SYNCD_CONNECTIONS__SSO__CLIENT_SECRET", CANARY)
    out = call("config", "show").out
    assert "***** (environment SYNCD_CONNECTIONS__SSO__CLIENT_SECRET)" in out
    assert CANARY not in out


def test_no_option_takes_a_secret(call):
    for path in everything():
        command: click.Command = root
        for name in path:
            command = command.get_command(click.Context(command), name)
        taken = [option for parameter in command.params for option in parameter.opts]
        assert [name for name in taken if name.endswith(("secret", "password", "token"))] == []


ADDRESSES = (
    f"postgresql://syncd:{CANARY}@127.0.0.1:1/syncd",
    f"postgresql://syncd@127.0.0.1:1/syncd?password={CANARY}",
)


@pytest.mark.parametrize("address", ADDRESSES, ids=["before the host", "among the options"])
@pytest.mark.parametrize("where", ["file", "variable", "reference", "wrong"])
@pytest.mark.parametrize("args", [["doctor"], ["status"], ["config", "show"], ["db", "check"]], ids=" ".join)
def test_a_store_whose_address_holds_a_password_is_never_shown_with_it(  # noqa: PLR0913, PLR0917 - fixtures
    call, syncd_yaml, monkeypatch, address, where, args
):
    store = {"file": address, "reference": "{env: STORE}", "wrong": "{env: STORE}"}.get(where, "sqlite:x.db")
    syncd_yaml(f"environment: test\nintegrity_key: {{file: kc}}\nstore: {store}\n")
    monkeypatch.setenv("STORE", f"{CANARY}:{CANARY}" if where == "wrong" else address)
    if where == "variable":
        monkeypatch.setenv("SYNCD_STORE", address)
    monkeypatch.setattr("psycopg.connect", _unreachable)
    result = call(*args)
    assert result.out + result.err
    assert CANARY not in result.out + result.err
    if where == "file":
        assert "a password must not stand here in the clear" in result.err


def _unreachable(*_args, **_named):
    raise psycopg.OperationalError("connection refused")
