"""Sources of people as `validate` meets them: what needs a server is left open, what cannot be is refused."""

import json

import pytest

MAPPING = """\
syncd: 1
constraints: [{prerequisite: {admin: member}}]
rosters:
  hr: {ldap: {connection: directory, base: "dc=example,dc=org", filter: "(mail=*)"}, columns: {email: mail}}
  web: {http: {connection: portal, path: people}, columns: {email: mail}}
  files: {csv: {source: exports, file: people.csv}, columns: {email: mail}}
organizations:
  acme:
    members:
      admin: [ann@acme.example]
      member:
        - {roster: hr, where: all}
        - {roster: web, where: all}
        - {roster: files, where: all}
        - {ldap_group: {connection: directory, dn: "cn=staff,dc=example,dc=org"}}
"""
SETTINGS = """\
environment: test
connections:
  directory: {type: ldap, urls: ["ldaps://none.invalid"], bind_dn: cn=x, password: {file: nowhere}}
  portal: {type: http, url: "https://none.invalid/api", token: {file: nowhere}}
sources: {exports: exports}
mappings:
  acme: MAPPING
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "people.csv").write_text("mail\nbob@acme.example\n")
    (tmp_path / "acme.yaml").write_text(MAPPING)
    (tmp_path / "syncd.yaml").write_text(SETTINGS.replace("MAPPING", "acme.yaml"))
    return tmp_path


def test_what_only_a_server_can_tell_is_left_open_and_named(folder, call):
    result = call("validate", "acme")
    assert (result.code, result.out) == (0, "Valid: 1 mapping, 1 unit, 2 people, 2 assignments\n")
    assert [line.strip() for line in result.err.splitlines() if line] == [
        f"acme: {source} is not read here; who comes from it is not checked"
        for source in ("roster hr", "roster web", "the directory group cn=staff,dc=example,dc=org")
    ]
    notes = json.loads(call("--output", "json", "validate", "acme").out)["notes"]
    assert len(notes) == 3


def test_a_file_alone_has_no_sources_but_those_beside_it(folder, call):
    result = call("validate", "acme.yaml")
    assert result.code == 0
    assert "acme: roster files is not read here" in result.err


WRONG = {
    ("source: exports", "source: export"): (
        '6:25: rosters.files.csv.source: unknown source "export"; did you mean "exports"?'
    ),
    ("hr: {ldap: {connection: directory", "hr: {ldap: {connection: directry"): (
        '4:27: rosters.hr.ldap.connection: there is no ldap connection "directry"; did you mean "directory"?'
    ),
    ("connection: portal", "connection: directory"): (
        '5:28: rosters.web.http.connection: there is no http connection "directory"; there is only portal'
    ),
    ("ldap_group: {connection: directory", "ldap_group: {connection: portal"): (
        "15:37: organizations.acme.members.member[4].ldap_group.connection: "
        'there is no ldap connection "portal"; there is only directory'
    ),
}


@pytest.mark.parametrize(("old", "new"), WRONG)
def test_a_source_that_is_not_there_is_refused_with_its_line(folder, call, old, new):
    (folder / "acme.yaml").write_text(MAPPING.replace(old, new, 1))
    result = call("validate", "acme")
    assert result.code == 65
    assert f"acme.yaml:{WRONG[old, new]}" in result.out


def test_a_source_beyond_what_the_operator_allows_is_refused(folder, call):
    text = SETTINGS.replace("MAPPING", "{from: acme.yaml, may: {connections: [directory]}}")
    (folder / "syncd.yaml").write_text(text)
    result = call("validate", "acme")
    assert result.code == 65
    assert 'acme.yaml:5:28: rosters.web.http.connection: the connection "portal" lies beyond' in result.out


@pytest.mark.parametrize(
    ("connection", "message"),
    [
        ('url: "http://hr.example"', "http:// sends people and token in the clear"),
        ('url: "ftp://hr.example"', '"ftp://hr.example" is no http or https address'),
        ('url: "https://a:canary@hr.example"', "a password must not stand here in the clear"),
        ('url: "https://hr.example", token: canary', "a secret must not stand here in the clear"),
    ],
)
def test_an_http_connection_that_gives_something_away_is_refused(folder, call, connection, message):
    text = SETTINGS.replace("MAPPING", "acme.yaml")
    (folder / "syncd.yaml").write_text(
        text.replace("sources:", f"  bad: {{type: http, {connection}}}\nsources:")
    )
    result = call("validate", "acme")
    assert result.code == 65
    assert message in result.err
    assert "canary" not in result.out + result.err


@pytest.mark.parametrize(
    "connection", ['url: "http://127.0.0.1:1/"', 'url: "http://hr.example", insecure: true']
)
def test_plain_http_is_for_this_machine_or_on_purpose(folder, call, connection):
    text = SETTINGS.replace("MAPPING", "acme.yaml")
    (folder / "syncd.yaml").write_text(
        text.replace("sources:", f"  more: {{type: http, {connection}}}\nsources:")
    )
    assert call("validate", "acme").code == 0
