"""What `doctor` says of store and mappings, whose faults are told apart; no server is asked."""

from syncd.app import App
from syncd.app.setup import write_integrity_key

SETTINGS = """environment: test
integrity_key: {file: syncd.key}
mappings: {good: good.yaml, bad: bad.yaml, worse: worse.yaml}
"""


def checks(folder):
    app = App.open(folder / "syncd.yaml")
    try:
        return {one.name: one for one in app.doctor()}
    finally:
        app.close()


def site(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_integrity_key(tmp_path / "syncd.key")
    (tmp_path / "syncd.yaml").write_text(SETTINGS)
    (tmp_path / "good.yaml").write_text("syncd: 1\norganizations: {acme: {}}\n")
    (tmp_path / "bad.yaml").write_text("syncd: 1\norganisations: {acme: {}}\n")
    (tmp_path / "worse.yaml").write_text(
        "syncd: 1\norganizations: {acme: {members: {membr: [ann], admn: [bob]}}}\n"
    )


def test_a_mapping_that_is_not_valid_is_told_with_its_first_problem(tmp_path, monkeypatch):
    site(tmp_path, monkeypatch)
    app = App.open(tmp_path / "syncd.yaml")
    app.db_upgrade()
    app.close()
    found = checks(tmp_path)
    assert found["mapping good"].status == "ok"
    assert found["mapping bad"].detail.startswith(
        'is not valid: bad.yaml:2:1: organisations: unknown key "organisations"'
    )
    assert found["mapping bad"].remedy == "syncd validate bad"
    assert found["mapping worse"].detail.startswith("is not valid: worse.yaml:2:34: ")
    assert found["mapping worse"].detail.endswith("(and 1 more)")


def test_a_mapping_that_is_not_looked_at_because_of_the_store_says_so(tmp_path, monkeypatch):
    site(tmp_path, monkeypatch)
    found = checks(tmp_path)
    assert found["store"].detail == f"there is no store at {tmp_path}/syncd.db"
    assert found["mapping good"].detail == f"could not be read: there is no store at {tmp_path}/syncd.db"
    assert "syncd db upgrade" in found["mapping good"].remedy
    assert found["mapping bad"].detail.startswith("is not valid: ")
