"""The support bundle of a site full of secrets and people: neither is in it."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from syncd import locale
from syncd.app import support
from syncd.cli import root
from syncd.store import open_store

CANARY = "canary-83ad17"
CLIENT, PASSWORD, TOKEN, HOOK, SIGNING = (f'{CANARY}-{n}/+ü"' for n in range(5))
SITE = """\
environment: test
store: {env: STORE}
integrity_key: {file: key}
connections:
  sso: {type: keycloak, url: "http://127.0.0.1:9", realm: a, client_id: syncd, client_secret: {file: client}}
  directory: {type: ldap, urls: "ldaps://127.0.0.1:9", bind_dn: cn=syncd, password: {env: DIRECTORY}}
  hr: {type: http, url: "http://127.0.0.1:9", token: {file: token}}
webhooks:
  - {url: "https://hooks.example/canary-83ad17-path", secret: {file: signing}}
mappings:
  acme: {from: acme.yaml}
"""
MAPPING = """\
syncd: 1
organizations:
  acme:
    members: {admin: [zoe.zahn@people.example], editr: [zoe.zahn@people.example]}
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    for name, secret in {"client": CLIENT, "token": TOKEN, "signing": SIGNING}.items():
        (tmp_path / name).write_text(secret)
    (tmp_path / "key").write_text(CANARY * 4)
    (tmp_path / "syncd.yaml").write_text(SITE)
    (tmp_path / "acme.yaml").write_text(MAPPING)
    store = f"sqlite:///{tmp_path}/syncd.db"
    monkeypatch.setenv("STORE", store)
    monkeypatch.setenv("DIRECTORY", PASSWORD)
    monkeypatch.setenv("SYNCD_FULL_READ", "PT12H")
    monkeypatch.setattr("syncd.health_asking.pages", lambda _address, _config: {"metrics.txt": f"x {CLIENT}"})
    monkeypatch.setattr(support, "_told", _without_doctor(support._told))
    monkeypatch.chdir(tmp_path)
    opened = open_store(store, (CANARY * 4).encode())
    opened.upgrade()
    run = opened.start_run("acme", "apply", "zoe.zahn@people.example")
    opened.finish_run(run, 4, f"401 for Bearer {TOKEN} of zoe.zahn@people.example", {})
    opened.close()
    locale.use("en")
    return tmp_path


def _without_doctor(told):
    """Everything but what asks servers, of which a unit test has none."""

    def told_here(app):
        app.doctor = list
        return told(app)

    return told_here


def bundle(*words: str) -> dict[str, str]:
    result = CliRunner().invoke(root, ["support", "--out", "bundle.tar.gz", *words])
    assert result.exit_code == 0, result.output
    with tarfile.open("bundle.tar.gz") as packed:
        found = {member.name: packed.extractfile(member).read().decode() for member in packed.getmembers()}
    return {Path(name).name: text for name, text in found.items()}


@pytest.mark.usefixtures("site")
def test_no_secret_of_a_site_is_in_its_bundle():
    for name, text in bundle().items():
        assert CANARY not in text, name


@pytest.mark.usefixtures("site")
def test_people_are_strangers_who_can_be_told_apart():
    found = bundle()
    assert "zoe" not in "".join(found.values())
    (run,) = json.loads(found["runs.json"])["runs"]
    assert run["actor"].startswith("person-")
    assert run["actor"] in run["message"]


@pytest.mark.usefixtures("site")
def test_what_helps_is_in_it():
    found = bundle()
    assert {"program.json", "settings.json", "status.json", "doctor.json", "validation.json", "runs.json",
            "plans.json", "audit.json", "store.json", "metrics.txt"} == set(found)  # fmt: skip
    assert "SYNCD_FULL_READ" in json.loads(found["program.json"])["variables"]
    assert "editr" in found["validation.json"]
    assert any(one.startswith("python-keycloak ") for one in json.loads(found["program.json"])["packages"])


def test_settings_that_cannot_be_used_are_no_obstacle(site):
    (site / "syncd.yaml").write_text("environment: test\nstores: x\n")
    found = bundle()
    assert set(found) == {"program.json", "error.json"}
    assert "stores" in found["error.json"]


def test_a_store_that_is_not_there_is_no_obstacle(site):
    (site / "syncd.db").unlink()
    assert json.loads(bundle()["runs.json"])["kind"] == "error"


@pytest.mark.usefixtures("site")
def test_the_bundle_is_its_owners_and_replaces_nothing():
    bundle()
    assert Path("bundle.tar.gz").stat().st_mode & 0o777 == 0o600
    result = CliRunner().invoke(root, ["support", "--out", "bundle.tar.gz"])
    assert result.exit_code == 64
    assert "bundle.tar.gz cannot be written: File exists." in result.output
