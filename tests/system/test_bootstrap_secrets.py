"""Where `bootstrap` keeps the secret it made: decided before it changes anything in Keycloak.

Program and files are real; of Keycloak there is a server that gives set answers and refuses every write.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from deploy.local.stack import REPOSITORY
from syncd.app.setup import bootstrap, write_integrity_key
from syncd.app_types import BootstrapRequest
from syncd.errors import SyncdError, UsageError
from syncd.targets.keycloak_bootstrap import PERMISSIONS, RUNTIME_ROLES
from syncd.targets.keycloak_mail_facts import MAIL_ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Iterator

REALM = "/admin/realms/acme"
CLIENT = {
    f"{REALM}/clients?clientId=syncd": [{"id": "1", "clientId": "syncd"}],
    f"{REALM}/clients/1/client-secret": {"value": "made by Keycloak"},
}
ROLES = [{"id": name, "name": name} for name in sorted(RUNTIME_ROLES)]
READY = CLIENT | {
    REALM: {
        "internationalizationEnabled": True, "supportedLocales": ["en", "fr"], "defaultLocale": "en",
        "adminEventsEnabled": True, "emailTheme": "a theme with its own mails",
    },
    f"{REALM}/users/profile": {"attributes": [{"name": name} for name in (PERMISSIONS, *MAIL_ATTRIBUTES)]},
    f"{REALM}/clients?clientId=syncd": [{
        "id": "1", "clientId": "syncd", "enabled": True, "publicClient": False,
        "clientAuthenticatorType": "client-secret", "serviceAccountsEnabled": True,
        "standardFlowEnabled": False, "directAccessGrantsEnabled": False, "fullScopeAllowed": True,
    }],
    f"{REALM}/clients?clientId=realm-management": [{"id": "2", "clientId": "realm-management"}],
    f"{REALM}/clients/1/service-account-user": {"id": "3"},
    f"{REALM}/users/3/role-mappings/clients/2": ROLES,
    f"{REALM}/clients/2/roles": ROLES,
    f"{REALM}/client-scopes": [],
}  # fmt: skip
SETTINGS = """environment: test
store: sqlite:syncd.db
integrity_key: {{file: syncd.key}}
connections:
  sso: {{type: keycloak, url: "{url}", realm: acme, client_id: syncd, client_secret: {{file: {secret}}}}}
"""


class Answering(BaseHTTPRequestHandler):
    """Logs everybody in, has what `answers` has, refuses every write."""

    answers: ClassVar[dict[str, Any]] = {}
    writes: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        path = self.path if "clientId=" in self.path else self.path.partition("?")[0]
        found = path in self.answers
        self._say(200 if found else 404, self.answers.get(path, {"error": "Realm not found."}))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.endswith("/token"):
            self._say(200, {"access_token": "t", "expires_in": 60})
            return
        self.writes.append(f"{self.command} {self.path}")
        self._say(403, {})

    do_PUT = do_POST  # noqa: N815 - the name that http.server looks for

    def log_message(self, *_said: Any) -> None:
        """Nothing is printed."""

    def _say(self, status: int, answer: Any) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Answering, "answers", {})
    monkeypatch.setattr(Answering, "writes", [])
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def site(folder: Path, url: str, secret: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "admin").write_text("secret")
    write_integrity_key(folder / "syncd.key")
    (folder / "syncd.yaml").write_text(SETTINGS.format(url=url, secret=secret))
    return folder / "syncd.yaml"


def refusal(config: Path) -> SyncdError:
    request = BootstrapRequest(admin_client_id="a", admin_client_secret_file=str(config.parent / "admin"))
    with pytest.raises(SyncdError) as raised:
        bootstrap(config, request)
    return raised.value


@pytest.mark.parametrize("answers", [{}, CLIENT], ids=["no client yet", "a client whose secret is not kept"])
def test_a_secret_that_cannot_be_kept_is_said_before_anything_is_changed(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any]
) -> None:
    monkeypatch.setattr(Answering, "answers", answers)
    (tmp_path / "secrets").write_text("a file, no folder")
    said = refusal(site(tmp_path, url, "secrets/kc-secret"))
    assert isinstance(said, UsageError)
    assert said.message == (
        f"{tmp_path}/secrets/kc-secret cannot be written, and the secret of client syncd belongs there"
    )
    assert "nothing was changed" in said.remedy
    assert "as root" in said.remedy
    assert Answering.writes == []


@pytest.mark.parametrize(("kept", "goes_on"), [("made by Keycloak\n", True), ("another", False)])
def test_a_file_that_only_reads_is_enough_where_it_holds_the_secret_already(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch, kept: str, goes_on: bool
) -> None:
    monkeypatch.setattr(Answering, "answers", CLIENT)
    # By mode alone nothing keeps root from writing.
    monkeypatch.setattr(os, "access", lambda _file, asked: not asked & os.W_OK)
    (tmp_path / "kc-secret").write_text(kept)
    said = refusal(site(tmp_path, url, "kc-secret"))
    assert bool(Answering.writes) is goes_on
    assert ("belongs there" in said.message) is not goes_on


def test_no_server_is_changed_where_the_secret_of_another_cannot_be_kept(tmp_path: Path, url: str) -> None:
    config = site(tmp_path, url, "kc-secret")
    (tmp_path / "secrets").write_text("a file, no folder")
    other = config.read_text().splitlines()[-1].replace("sso", "two").replace("kc-secret", "secrets/two")
    config.write_text(f"{config.read_text()}{other}\n")
    assert "secrets/two" in refusal(config).message
    assert Answering.writes == []


@pytest.mark.parametrize("page", ["en/install.md", "fr/installation.md"])
def test_what_the_page_has_root_type_puts_the_secret_among_those_that_systemd_hands_over(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.setattr(Answering, "answers", READY)
    etc = tmp_path / "etc"
    config = site(etc, url, "kc-secret")
    (etc / "secrets").mkdir(mode=0o700)
    (etc / "syncd.key").rename(etc / "secrets" / "syncd.key")
    text = (REPOSITORY / "docs" / page).read_text("utf-8")
    typed = text[text.index("sudo install -m 600 /dev/null") : text.index("sudo syncd doctor")]
    here = {
        "sudo ": "",
        "/etc/syncd": str(etc),
        "/opt/syncd/bin/syncd": Path(sys.executable).with_name("syncd"),
    }
    for there, instead in here.items():
        typed = typed.replace(there, str(instead))
    (tmp_path / "admin-secret").write_text("secret")
    done = subprocess.run(
        ["/bin/sh", "-euc", typed],
        env={"PATH": os.defpath},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    kept = etc / "secrets" / "kc-secret"
    assert kept.read_text() == "made by Keycloak\n"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert not config.with_name("kc-secret").exists()
