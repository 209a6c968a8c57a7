"""What `validate` says of the operator's file: times that mean nothing, with their line, never quoted."""

import pytest
from click.testing import CliRunner

from syncd import locale
from syncd.cli import root

SETTINGS = """environment: test
mappings:
  acme: {from: acme.yaml, policy: {schedule: {cron: "61 * * * *"}}}
schedule: {cron: hourly, timezone: Europe/Pari}
maintenance: [{cron: "0 3 * * 9", timezone: UTC, duration: PT1H}]
"""


def test_times_of_syncd_yaml_that_mean_nothing_are_refused_with_their_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "syncd.yaml").write_text(SETTINGS)
    (tmp_path / "acme.yaml").write_text("syncd: 1\norganizations: {acme: {}}\n")
    answer = CliRunner().invoke(root, ["--config", "syncd.yaml", "validate"])
    hint = "five fields: minute hour day month weekday, for example */15 * * * *"
    assert answer.exit_code == 65
    told = answer.output.splitlines()
    assert [line for line in told if "syncd.yaml:" in line] == [
        'syncd.yaml:3:47: mappings.acme.policy.schedule: "61 * * * *" is no cron expression: Bad minute; '
        + hint,
        f'syncd.yaml:4:12: schedule: there is no time zone "Europe/Pari"; {hint}',
        f'syncd.yaml:5:16: maintenance.0: "0 3 * * 9" is no cron expression: Bad day-of-week; {hint}',
    ]
    assert "maintenance: [" not in answer.output


DECLARED = """syncd: 1
roles: {member: {}, admin: {inherits: [member], creator: true}}
settings: {authentication: {always: [email_otp], exclusive: [password, sso]}}
organizations: {acme: {}}
"""


@pytest.fixture
def _english_again():
    yield
    locale.use("en")


@pytest.mark.usefixtures("_english_again")
def test_what_is_declared_without_effect_is_said_and_is_no_warning(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "acme.yaml").write_text(DECLARED)
    answer = CliRunner().invoke(root, ["validate", "acme.yaml"])
    assert answer.exit_code == 0
    creator, authentication = answer.stderr.splitlines()
    assert creator == "acme: roles.admin.creator (acme.yaml:2:49) has no effect: no act makes a unit"
    assert authentication.startswith("acme: settings.authentication (acme.yaml:3:12) is only shown: ")
    assert authentication.endswith("always: email_otp; exclusive: password, sso")
    assert "warning" not in answer.output
    french = CliRunner().invoke(root, ["--lang", "fr", "validate", "acme.yaml"])
    assert "(acme.yaml:2:49) est sans effet" in french.stderr
