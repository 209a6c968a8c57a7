"""What `doctor` says of syncd's own mails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncd.app import App
from syncd.app.mail_checks import NAME
from syncd.settings import load

if TYPE_CHECKING:
    from pathlib import Path

    from syncd.model import Check

SETTINGS = """\
environment: test
store: sqlite:syncd.db
integrity_key: {file: key}
mappings: {acme: acme.yaml}
"""


def checks(folder: Path, settings: str, mapping: str) -> list[Check]:
    (folder / "key").write_text("k" * 44)
    (folder / "acme.yaml").write_text(f"syncd: 1\n{mapping}\n")
    (folder / "syncd.yaml").write_text(SETTINGS + settings)
    app = App(load(folder / "syncd.yaml"))
    try:
        app.db_upgrade()
        return [check for check in app.doctor() if check.name == NAME]
    finally:
        app.close()


@pytest.mark.parametrize(
    ("settings", "mapping", "whom"),
    [
        ("notify: {mail: ops@acme.example}\n", "", "`notify`"),
        ("", "invitations: {notify: {inviter: [expired]}}", "acme"),
        ("", "invitations: {activation: self_reset}", "acme"),
        ("", "roles: {boss: {}}\njoining: {approvers: boss}", "acme"),
        ("", "roles: {boss: {}}\ntransfer: {role: boss}", "acme"),
    ],
)
def test_mails_that_nobody_can_send_are_a_warning(
    tmp_path: Path, settings: str, mapping: str, whom: str
) -> None:
    (check,) = checks(tmp_path, settings, mapping)
    assert (check.status, check.detail.rpartition(": ")[2]) == ("warn", whom)
    assert "smtp" in check.remedy


@pytest.mark.parametrize(
    "mapping", ["", "roles: {boss: {}}\njoining: {approvers: boss, notify: none}"], ids=["plain", "unmailed"]
)
def test_where_syncd_mails_nobody_no_server_is_missed(tmp_path: Path, mapping: str) -> None:
    assert checks(tmp_path, "", mapping) == []
