"""A site as an administrator has one: a folder with syncd.yaml and a mapping, on real servers.

Commands run through the real command line; what they did is read back past syncd, by plain HTTP from
Keycloak and by `ldapsearch` from the directory.
"""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import subprocess
import sys
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deploy.local.servers import Keycloak, MailSink, Slapd

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Answer:
    """What a command printed and the code it ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def ok(self) -> Answer:
        assert self.code == 0, f"exit {self.code}\n{self.out}\n{self.err}"
        return self


@dataclass
class Site:
    """One environment of its own: realm, base, folder."""

    folder: Path
    keycloak: Keycloak
    slapd: Slapd
    realm: str
    base: str
    people_base: str
    name: str = "acme"
    smtp_port: int = 2525

    @property
    def mapping(self) -> Path:
        """The mapping's folder where there is one of its name, else its file."""
        folder = self.folder / self.name
        return folder if folder.is_dir() else self.folder / f"{self.name}.yaml"

    @property
    def config(self) -> Path:
        return self.folder / "syncd.yaml"

    def write(self, text: str) -> None:
        """Put the mapping's text in place."""
        put(self.mapping, text)

    def configure(self, text: str) -> None:
        """Put the text of syncd.yaml in place."""
        put(self.config, text)

    def edit(self, old: str, new: str) -> None:
        """Change one thing in the mapping, which must be there."""
        text = self.mapping.read_text(encoding="utf-8")
        assert old in text
        self.write(text.replace(old, new))

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "syncd.cli", "--config", str(self.config), *arguments]

    def cli(self, *arguments: str, answer: str = "", program: list[str] | None = None) -> Answer:
        """Run a command to its end."""
        done = subprocess.run(
            program or self.command(*arguments),
            cwd=self.folder,
            input=answer,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "NO_COLOR": "1", "LANG": "C.UTF-8"},
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def keep_in(self, store: str) -> None:
        """Use another store from now on, which is empty."""
        (self.folder / "store").write_text(store)
        text, times = re.subn(
            "^store:.*$", "store: {file: store}", self.config.read_text(), flags=re.MULTILINE
        )
        self.config.write_text(text if times else f"{text}store: {{file: store}}\n")
        self.cli("db", "upgrade").ok()

    def apply(self) -> Answer:
        return self.cli("apply", self.name, "--yes")

    def plan(self, *more: str) -> dict[str, Any]:
        """The plan as JSON; reading it changes nothing."""
        answer = self.cli("--output", "json", "plan", self.name, *more)
        assert answer.code in (0, 2, 3), f"exit {answer.code}\n{answer.out}\n{answer.err}"
        document: dict[str, Any] = answer.json
        return document

    def bootstrap(self, *more: str) -> Answer:
        """Realm, service account and syncd.yaml, as a one-off administrator."""
        self._secret("admin", self.keycloak.admin_client_secret)
        self._secret("ldap", self.slapd.bind_password)
        options = {
            "keycloak-url": self.keycloak.url,
            "realm": self.realm,
            "admin-client-id": self.keycloak.admin_client_id,
            "admin-client-secret-file": self.folder / "admin",
            "ldap-url": self.slapd.url,
            "ldap-bind-dn": self.slapd.bind_dn,
            "ldap-password-file": self.folder / "ldap",
            "ldap-base": self.base,
            "ldap-people-base": self.people_base,
            "mapping-path": self.mapping,
            "smtp-host": "127.0.0.1",
            "smtp-port": self.smtp_port,
        }
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        return self.cli("bootstrap", self.name, *words, *more)

    def mail_into(self, sink: MailSink) -> None:
        """Let the realm mail into an empty sink."""
        sink.clear()
        mailing = {"host": "127.0.0.1", "port": str(sink.smtp_port), "from": "sso@acme.example"}
        self.admin("PUT", "", {**self.admin("GET", ""), "smtpServer": mailing})

    def _secret(self, name: str, secret: str) -> None:
        file = self.folder / name
        file.write_text(secret)
        file.chmod(0o600)

    # --- behind syncd's back --------------------------------------------------------------------------

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """One call of Keycloak's admin API as the master administrator, below the realm."""
        return self.keycloak.admin(method, f"realms/{self.realm}/{path}", body)

    def groups(self) -> dict[str, dict[str, Any]]:
        """Every group of the realm by path, with id and the user names of its direct members."""
        found: dict[str, dict[str, Any]] = {}
        waiting = self.admin("GET", "groups?briefRepresentation=false&max=1000")
        while waiting:
            group = waiting.pop()
            members = self.admin("GET", f"groups/{group['id']}/members?max=1000")
            found[group["path"]] = {
                "id": group["id"],
                "members": sorted(member["username"] for member in members),
                "attributes": group.get("attributes", {}),
            }
            waiting += self.admin("GET", f"groups/{group['id']}/children?briefRepresentation=false&max=1000")
        return found

    def users(self) -> dict[str, dict[str, Any]]:
        return {user["username"]: user for user in self.admin("GET", "users?max=1000")}

    def entries(self, base: str = "", filter_: str = "(objectClass=*)") -> dict[str, dict[str, list[str]]]:
        """Every entry below the base, as `ldapsearch` shows it."""
        done = subprocess.run(
            [
                *("ldapsearch", "-LLL", "-o", "ldif-wrap=no", *self._login()),
                *("-b", base or self.base, filter_, "*", "entryUUID", "entryCSN"),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        return dict(_entry(block) for block in done.stdout.strip().split("\n\n") if block)

    def ldap(self, *records: str) -> None:
        """Change records (RFC 2849) sent as the directory's administrator."""
        subprocess.run(
            ["ldapmodify", *self._login()],
            input="\n\n".join(records) + "\n",
            capture_output=True,
            text=True,
            check=True,
        )

    def _login(self) -> tuple[str, ...]:
        return ("-x", "-H", self.slapd.url, "-D", self.slapd.admin_dn, "-w", self.slapd.admin_password)

    def members(self, dn: str) -> list[str]:
        """Values of `member` of one group but the placeholder."""
        return sorted(
            value
            for value in self.entries(dn)[dn].get("member", [])
            if "=" in value and "placeholder" not in value
        )

    def admin_events(self) -> list[dict[str, Any]]:
        """Every change that Keycloak recorded in this realm; bootstrap turns the record on."""
        events: list[dict[str, Any]] = self.admin("GET", "admin-events?max=-1")
        return events

    def snapshot(self) -> tuple[Any, Any]:
        """What both servers hold and how often it was written: equal snapshots mean that nothing was."""
        stamps = {dn: entry["entryCSN"] for dn, entry in self.entries(self.base.partition(",")[2]).items()}
        return len(self.admin_events()), stamps


def kept_port(keeper: object) -> int:
    """A port given to nobody else while `keeper` lives; a server that sets SO_REUSEADDR may listen there."""
    with socket.socket() as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        weakref.finalize(keeper, os.close, bound.detach())
    return port


def put(file: Path, text: str) -> None:
    """Save as an editor does: anew, then moved into place, so that no daemon reads half of it."""
    new = file.with_name(f".{file.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(file)


def _entry(block: str) -> tuple[str, dict[str, list[str]]]:
    dn, attributes = "", {}
    for line in block.split("\n"):
        name, _, value = line.partition(": ")
        if name.endswith(":"):
            name, value = name[:-1], base64.b64decode(value).decode()
        if name == "dn":
            dn = value
        else:
            attributes.setdefault(name, []).append(value)
    return dn, attributes
