"""syncd.yaml: the example of the format, precedence, secrets by reference, refusals with their place."""

from pathlib import Path

import pytest

from syncd.errors import MappingInvalid, Place, UsageError
from syncd.settings import Keycloak, Ldap, SettingsInvalid, load
from syncd.store.database import parse

CANARY = "canary-5f1d9c"

EXAMPLE = """\
environment: production
store: sqlite:state/syncd.db
connections:
  sso:
    {type: keycloak, url: https://sso.example, realm: a, client_id: syncd, client_secret: {file: kc-secret}}
  directory:
    type: ldap
    urls: [ldaps://ldap1, ldaps://ldap2]
    bind_dn: "cn=syncd,dc=acme,dc=example"
    password: {env: LDAP_PASSWORD}
    ca: ca.pem
sources: {hr: /srv/hr-export, local: exports}
mappings:
  acme:
    from: mappings/acme
    may:
      connections: [sso, directory]
      realm: acme
      groups: [/acme]
      bases: ["ou=acme,dc=acme,dc=example"]
      grants: [grafana/editor]
    policy: {removals: {per_day: "5%"}}
    files: {"teams/dsi/**": {under: [/acme/dsi], keys: [teams, title, members], roles: [member, lead]}}
    set: {keycloak.realm: acme-staging}
  my-corp: mappings/corp.yaml
schedule: {cron: "*/15 * * * *", timezone: Europe/Paris}
mail: {only: [acme.example]}
operators: {approvers: [ann@acme.example]}
smtp: {host: mail.acme.example, from: syncd@acme.example}
listen: {health: 127.0.0.1:9464, web: "[::1]:8085"}
full_read: P1D
integrity_key: {file: syncd.key}
public_url: https://syncd.acme.example
webhooks: [{url: https://hooks.acme.example, secret: {env: HOOK}}]
maintenance: [{cron: "0 2 * * 0", duration: PT2H}]
x-note: ignored
"""

SMALL = "environment: test\n"


@pytest.fixture
def written(tmp_path):
    """Write syncd.yaml; gives its path."""

    def write(text: str) -> Path:
        file = tmp_path / "syncd.yaml"
        file.write_text(text, "utf-8")
        return file

    return write


def problems(file: Path, environ=None) -> list[str]:
    with pytest.raises(SettingsInvalid) as caught:
        load(file, environ=environ or {})
    return [str(problem).replace(f"{file.parent}/", "") for problem in caught.value.problems]


def test_the_example_of_the_format_is_understood(written, tmp_path):
    settings = load(written(EXAMPLE), environ={})
    assert isinstance(settings.connections["sso"], Keycloak)
    assert isinstance(settings.connections["directory"], Ldap)
    acme = settings.mappings["acme"]
    assert acme.may.grants == ("grafana/editor",)
    assert acme.policy.removals.per_day == 5
    assert acme.files["teams/dsi/**"].roles == ("member", "lead")
    assert acme.set_ == {"keycloak.realm": "acme-staging"}
    assert settings.mail_rule.only == ("acme.example",)
    assert settings.listen.web == "[::1]:8085"
    assert str(settings.full_read) == "P1D"
    assert settings.webhooks[0].url == "https://hooks.acme.example"


def test_relative_paths_are_relative_to_syncd_yaml(written, tmp_path, monkeypatch):
    file = written(EXAMPLE)
    monkeypatch.chdir("/")
    settings = load(file, environ={"SYNCD_MAPPINGS__ACME__FROM": "other"})
    assert settings.mappings["my-corp"].from_ == tmp_path / "mappings/corp.yaml"
    assert settings.mappings["acme"].from_ == tmp_path / "other"
    assert settings.sources == {"hr": Path("/srv/hr-export"), "local": tmp_path / "exports"}
    assert settings.connections["directory"].ca == tmp_path / "ca.pem"
    assert settings.connections["sso"].client_secret.file == tmp_path / "kc-secret"
    assert settings.store_url().get_secret_value() == f"sqlite://{tmp_path}/state/syncd.db"


STORES = {
    "sqlite:x.db": "HERE/x.db",
    "sqlite:///./x.db": "HERE/x.db",
    "sqlite:state/x.db": "HERE/state/x.db",
    "sqlite:///../x.db": "ABOVE/x.db",
    "sqlite:///var/lib/syncd/syncd.db": "/var/lib/syncd/syncd.db",
    "sqlite:////var/lib/x.db": "/var/lib/x.db",
    "sqlite:/var/lib/x.db": "/var/lib/x.db",
}


@pytest.mark.parametrize("address", STORES)
@pytest.mark.parametrize("by", ["file", "variable", "reference"])
def test_a_store_is_where_its_address_says_and_relative_ones_lie_beside_syncd_yaml(
    written, tmp_path, monkeypatch, address, by
):
    environ = {}
    if by == "reference":
        monkeypatch.setenv("STORE_ADDRESS", address)
        file = written(f"{SMALL}store: {{env: STORE_ADDRESS}}\n")
    elif by == "variable":
        file, environ = written(SMALL), {"SYNCD_STORE": address}
    else:
        file = written(f"{SMALL}store: {address}\n")
    monkeypatch.chdir("/")
    found = parse(load(file, environ=environ).store_url().get_secret_value()).database
    assert found == STORES[address].replace("HERE", str(tmp_path)).replace("ABOVE", str(tmp_path.parent))


def test_the_least_file_has_sound_defaults(written, tmp_path):
    settings = load(written(SMALL), environ={})
    assert settings.store_url().get_secret_value() == f"sqlite://{tmp_path}/syncd.db"
    assert settings.mail_rule.mode == "hold"
    assert settings.listen.health is None
    assert load(written("environment: production\n"), environ={}).mail_rule.mode == "deliver"


def test_precedence_is_caller_then_variable_then_credential_then_file_then_default(written, tmp_path):
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "public_url").write_text("https://credential.example\n")
    file = written("environment: test\npublic_url: https://file.example\n")
    steps = []
    environ: dict[str, str] = {}
    steps.append(load(file, environ=environ).public_url)
    environ["CREDENTIALS_DIRECTORY"] = str(credentials)
    steps.append(load(file, environ=environ).public_url)
    environ["SYNCD_PUBLIC_URL"] = "https://variable.example"
    steps.append(load(file, environ=environ).public_url)
    steps.append(load(file, {"public_url": "https://caller.example"}, environ).public_url)
    names = [step.removeprefix("https://").removesuffix(".example") for step in steps]
    assert names == ["file", "credential", "variable", "caller"]
    assert load(written(SMALL), environ={}).public_url is None


def test_a_variable_reaches_any_depth_and_names_with_a_hyphen(written):
    environ = {
        "SYNCD_MAPPINGS__MY_CORP__MAY__REALM": "corp",
        "SYNCD_MAPPINGS__ACME__MAY__GROUPS": '["/a", "/b"]',
        "SYNCD_SMTP__PORT": "2525",
        "SYNCD_CONNECTIONS__DIRECTORY__START_TLS": "true",
        "SYNCD_MAIL": "hold",
    }
    text = EXAMPLE.replace("mail: {only: [acme.example]}\n", "")
    settings = load(written(text), environ=environ)
    assert settings.mappings["my-corp"].may.realm == "corp"
    assert settings.mappings["acme"].may.groups == ("/a", "/b")
    assert settings.smtp.port == 2525
    assert settings.connections["directory"].start_tls is True
    assert settings.mail_rule.mode == "hold"


def test_variables_of_kubernetes_are_left_alone_and_slips_of_the_pen_are_not(written):
    file = written(SMALL)
    load(
        file,
        environ={"SYNCD_PORT": "tcp://10.0.0.1:80", "SYNCD_SERVICE_HOST": "10.0.0.1", "SYNCD_CONFIG": "x"},
    )
    assert problems(file, {"SYNCD_ENVIRNMENT": "x"}) == [
        '$SYNCD_ENVIRNMENT:1:1: this variable sets nothing; did you mean "environment"?'
    ]
    assert problems(file, {"SYNCD_CONNECTION__SSO__URL": "x"}) == [
        '$SYNCD_CONNECTION__SSO__URL:1:1: this variable sets nothing; did you mean "connections"?'
    ]


def test_what_is_wrong_in_a_variable_names_the_variable(written):
    assert problems(written(SMALL), {"SYNCD_LISTEN__HEALTH": "9464"}) == [
        '$SYNCD_LISTEN__HEALTH:1:1: listen.health: "9464" is not HOST:PORT; for example 127.0.0.1:9464'
    ]


GOLDEN = """\
syncd.yaml:3:6: connections.a: unknown type "kc"; one of 'keycloak', 'ldap', 'http'
syncd.yaml:5:3: connections.b.realm: realm is missing
syncd.yaml:5:49: connections.b.clientid: unknown key "clientid"; did you mean "client_id"?
syncd.yaml:6:11: mappings: "Acme" is not a mapping id; a to z, 0 to 9 and -, beginning with a letter
syncd.yaml:7:11: mail.mode: expected 'deliver' or 'hold'
syncd.yaml:8:1: lisen: unknown key "lisen"; did you mean "listen"?
syncd.yaml:9:12: full_read: expected a duration, not "1d"; for example P10D, P1Y or PT12H
syncd.yaml:10:8: store: expected sqlite:FILE or postgresql://HOST/DATABASE; \
sqlite:///var/lib/syncd.db is absolute, sqlite:syncd.db relative to syncd.yaml"""


def test_every_problem_is_told_at_once_with_its_place(written):
    text = """\
environment: test
connections:
  a: {type: kc}
  # comment
  b: {type: keycloak, url: https://sso.example, clientid: x, client_id: x, client_secret: {env: X}}
mappings: {Acme: m}
mail:     maybe
lisen: {}
full_read: 1d
store: mysql://x
"""
    assert "\n".join(problems(written(text))) == GOLDEN


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("environment: test\nenvironment: prod\n", 'key "environment" is here twice'),
        ("environment: &a test\n", "anchor &a is not allowed"),
        ("environment: [\n", "not YAML"),
        ("- environment\n", "expected keys and values"),
        ("store: sqlite:///x\n", "environment is missing"),
        ("environment: a/b\n", '"a/b" is not a name of an environment'),
        ("environment: t\nmappings: {m: {from: x, may: {connections: [sos]}}}\n", 'unknown connection "sos"'),
        ("environment: t\nmappings: {m: {from: x, set: {roles.x: y}}}\n", '`set` cannot change "roles.x"'),
        (
            "environment: t\nintegrity_key: {env: A, file: B}\n",
            "a secret is either {env: NAME} or {file: NAME}",
        ),
    ],
)
def test_what_else_is_refused(written, text, message):
    found = problems(written(text))
    assert len(found) == 1
    assert message in found[0]
    assert found[0].startswith("syncd.yaml:")


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="syncd init"):
        load(tmp_path / "syncd.yaml", environ={})


class TestSecrets:
    SSO = "{type: keycloak, url: u, realm: r, client_id: c, client_secret: %s}"
    WITH = f"environment: t\nconnections:\n  sso: {SSO}\n"

    @pytest.mark.parametrize(
        ("text", "place"),
        [
            (WITH % CANARY, "syncd.yaml:3:72: connections.sso.client_secret"),
            (f"environment: t\nintegrity_key: {CANARY}\n", "syncd.yaml:2:16: integrity_key"),
            (
                f"environment: t\nsmtp: {{host: h, from: f, password: {CANARY}}}\n",
                "syncd.yaml:2:36: smtp.password",
            ),
            (f"environment: t\nstore: postgresql://syncd:{CANARY}@db/syncd\n", "syncd.yaml:2:8: store"),
            (
                f"environment: t\nwebhooks: [{{url: u, secret: {CANARY}}}]\n",
                "syncd.yaml:2:29: webhooks[1].secret",
            ),
        ],
    )
    def test_a_literal_secret_is_refused_with_its_line_and_not_repeated(self, written, text, place):
        (found,) = problems(written(text))
        assert found.startswith(f"{place}: ")
        assert "{file: NAME}" in found
        assert CANARY not in found

    def test_a_secret_is_read_from_where_the_reference_leads(self, written, tmp_path, monkeypatch):
        (tmp_path / "kc-secret").write_text(f"{CANARY}\n")
        monkeypatch.setenv("LDAP_PASSWORD", "other")
        settings = load(written(EXAMPLE), environ={})
        assert settings.secret(settings.connections["sso"].client_secret).get_secret_value() == CANARY
        assert settings.secret(settings.connections["directory"].password).get_secret_value() == "other"

    def test_a_reference_that_leads_nowhere_is_told_with_its_line(self, written, monkeypatch):
        monkeypatch.delenv("LDAP_PASSWORD", raising=False)
        settings = load(written(EXAMPLE), environ={})
        with pytest.raises(
            MappingInvalid, match=r"syncd.yaml:5:\d+: .*client_secret: the file .*kc-secret cannot"
        ):
            settings.secret(settings.connections["sso"].client_secret)
        with pytest.raises(MappingInvalid, match=r"password: the variable LDAP_PASSWORD is empty or not set"):
            settings.secret(settings.connections["directory"].password)

    def test_a_variable_or_credential_becomes_a_reference(self, written, tmp_path, monkeypatch):
        credentials = tmp_path / "credentials"
        credentials.mkdir()
        (credentials / "connections__directory__password").write_text(CANARY)
        (credentials / "syncd.key").write_text(CANARY)
        monkeypatch.setenv("SYNCD_CONNECTIONS__SSO__CLIENT_SECRET", CANARY)
        monkeypatch.setenv("SYNCD_STORE", f"postgresql://syncd:{CANARY}@db/syncd")
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
        settings = load(written(EXAMPLE))
        references = (
            settings.connections["sso"].client_secret,
            settings.connections["directory"].password,
            settings.integrity_key,
        )
        assert [settings.secret(one).get_secret_value() for one in references] == [CANARY] * 3
        assert CANARY in settings.store_url().get_secret_value()
        assert CANARY not in repr(settings)
        assert CANARY not in str(settings.origins())
        assert CANARY not in settings.model_dump_json()

    def test_an_address_with_a_password_is_shown_without_it(self, written):
        text = (self.WITH % "{env: X}").replace("url: u", f"url: https://a:{CANARY}@sso")
        origins = load(written(text), environ={}).origins()
        assert CANARY not in str(origins)
        assert ("connections.sso.url", "https://a:*****@sso") in [origin[:2] for origin in origins]


def test_origins_say_where_each_setting_comes_from(written, tmp_path):
    file = written(EXAMPLE)
    origins = {
        key: (value, where.replace(f"{tmp_path}/", ""))
        for key, value, where in load(file, {"public_url": "u"}, {"SYNCD_MAIL__ONLY": "b.example"}).origins()
    }
    assert origins["environment"] == ("production", "syncd.yaml:1:14")
    assert origins["public_url"] == ("u", "the caller")
    assert origins["mail.only"] == ("b.example", "$SYNCD_MAIL__ONLY")
    assert origins["smtp.port"] == ("25", "default")
    assert origins["integrity_key"] == (f"***** (file {tmp_path}/syncd.key)", "syncd.yaml:32:16")
    assert origins["mappings.my-corp.from"] == (f"{tmp_path}/mappings/corp.yaml", "syncd.yaml:25:12")
    assert origins['mappings.acme.set."keycloak.realm"'] == ("acme-staging", "syncd.yaml:24:27")


def test_the_place_of_a_setting_is_that_of_its_key(written, tmp_path):
    settings = load(written(EXAMPLE), environ={})
    assert settings.place("mappings", "acme", "may") == Place(f"{tmp_path}/syncd.yaml", 16, 5)
    assert settings.place("nowhere") == Place(f"{tmp_path}/syncd.yaml")
