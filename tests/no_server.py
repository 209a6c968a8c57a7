"""A configuration whose Keycloak is nowhere: tests put one in memory in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = """environment: test
store: sqlite:///{folder}/syncd.db
integrity_key: {{file: syncd.key}}
connections:
  sso: {{type: keycloak, url: 'http://127.0.0.1:1', realm: r, client_id: c, client_secret: {{file: kc}}}}
mappings: {{acme: acme.yaml}}
"""


def configure(folder: Path) -> None:
    """Write syncd.yaml and its secrets, for a mapping `acme` in acme.yaml."""
    files = {"syncd.yaml": SETTINGS.format(folder=folder), "syncd.key": "6b" * 32, "kc": "unused"}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o600)
