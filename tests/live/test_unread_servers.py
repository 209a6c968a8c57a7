"""What was not seen is never said to be nothing: commands that look, while the directory is away."""

import base64

import pytest

from syncd.app import App
from syncd.errors import TargetError
from syncd.render.tables import report_page

pytestmark = pytest.mark.live

SETTINGS = """environment: test
integrity_key: {file: syncd.key}
connections:
  directory: {type: ldap, urls: ["ldap://127.0.0.1:1"], bind_dn: "cn=a", password: {file: syncd.key}}
mappings: {acme: acme.yaml}
"""
MAPPING = """syncd: 1
organizations: {acme: {members: {admin: [ann@acme.example]}}}
ldap: {base: "ou=acme,dc=example,dc=org"}
"""


@pytest.fixture
def app(tmp_path):
    (tmp_path / "syncd.yaml").write_text(SETTINGS)
    (tmp_path / "acme.yaml").write_text(MAPPING)
    (tmp_path / "syncd.key").write_text(base64.b64encode(bytes(range(32))).decode())
    made = App.open(tmp_path / "syncd.yaml")
    made.db_upgrade()
    yield made
    made.close()


@pytest.mark.parametrize(
    "look",
    [
        lambda app: app.held("acme"),
        lambda app: app.explain("nobody@acme.example"),
        lambda app: app.adopt("acme", "/acme", "ann"),
        lambda app: app.db_rebuild("acme"),
    ],
    ids=["held", "explain", "adopt", "db rebuild"],
)
def test_a_server_that_is_away_is_an_error_and_not_an_empty_answer(app, look):
    with pytest.raises(TargetError, match=r"ldap: directory: .*127\.0\.0\.1"):
        look(app)


def test_a_run_without_its_server_says_why_once_and_not_that_nothing_is_to_change(app):
    block, *_ = report_page(app.apply("acme", None, confirmed=True, actor="ann"))
    ((sign, target, why),) = block.rows
    assert (sign, target) == ("✗", "ldap")
    assert "\n" not in why
    assert block.lines == ("Nothing was written.",)
