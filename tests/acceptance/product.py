"""One of the shipped mappings on real servers, and what people get from it: groups, entries, tokens.

Commands run through the real command line, in this process: starting Python for each of them takes longer
than what they do.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import shutil
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from syncd.cli import root
from tests.system.site import REPOSITORY, Answer, Site

if TYPE_CHECKING:
    from collections.abc import Iterator

SHIPPED = REPOSITORY / "mappings"
CLIENT = "acceptance"
PASSWORD = "a Password of 25 signs !1"


@dataclass
class Product(Site):
    """A site whose mapping is a folder: the model as shipped and its data."""

    logins: set[str] = field(default_factory=set)

    # --- the files ------------------------------------------------------------------------------------

    def copy_mapping(self, *, unknown: str = "") -> None:
        """Take the mapping as it is shipped, or with another choice for people whom Keycloak does not know.

        Whoever tests what files say needs people who can hold roles now: `create`.
        """
        shutil.copytree(SHIPPED / self.name, self.folder / self.name)
        model = self.mapping / "model.yaml"
        text = model.read_text("utf-8")
        if unknown:
            text, times = re.subn(r"^  unknown: \w+$", f"  unknown: {unknown}", text, flags=re.MULTILINE)
            assert times == 1
            model.write_text(text, "utf-8")

    @property
    def data(self) -> Path:
        """The file with people and units."""
        return next(file for file in self.mapping.glob("*.yaml") if file.name != "model.yaml")

    @contextlib.contextmanager
    def edited(self, old: str, new: str) -> Iterator[None]:
        """The data with one thing changed, which must be there once; as before afterwards."""
        before = self.data.read_text("utf-8")
        assert before.count(old) == 1, f"{old!r} is {before.count(old)} times in {self.data}"
        self.data.write_text(before.replace(old, new), "utf-8")
        try:
            yield
        finally:
            self.data.write_text(before, "utf-8")

    def line_of(self, text: str) -> int:
        """The line of the data in which the text stands."""
        return self.data.read_text("utf-8").partition(text)[0].count("\n") + 1

    # --- commands -------------------------------------------------------------------------------------

    def cli(self, *arguments: str, answer: str = "", program: list[str] | None = None) -> Answer:
        """Run a command to its end."""
        assert program is None, "a product runs nothing but syncd"
        words = ["--config", str(self.config), "--lang", "en", *arguments]
        done = CliRunner().invoke(root, words, input=answer, prog_name="syncd")
        return Answer(done.exit_code, done.stdout, done.stderr)

    def validate(self) -> Answer:
        return self.cli("validate", self.name)

    def loosen(self, policy: str) -> None:
        """Have the operator allow the mapping more, and a run that meets it."""
        text = self.config.read_text("utf-8")
        assert text.count("    set:\n") == 1
        self.config.write_text(text.replace("    set:\n", f"    {policy}\n    set:\n"), "utf-8")
        self.apply().ok()

    def approve(self) -> None:
        """Approve the one plan that waits, and run it."""
        waiting = self.cli("--output", "json", "plans", "list").json["plans"]
        assert [plan["state"] for plan in waiting] == ["pending"]
        self.cli("plans", "approve", waiting[0]["id"]).ok()
        self.apply().ok()

    # --- what people have -----------------------------------------------------------------------------

    def groups_of(self, who: str) -> set[str]:
        """The paths of the Keycloak groups that hold the person directly."""
        return {path for path, group in self.groups().items() if who in group["members"]}

    def held_groups(self) -> dict[str, list[str]]:
        """The members of every group that has any."""
        return {path: group["members"] for path, group in self.groups().items() if group["members"]}

    def entry(self, who: str) -> str:
        """The DN of a person's entry."""
        return f"uid={who},{self.people_base}"

    def entry_groups_of(self, who: str) -> set[str]:
        """The DNs of the LDAP groups that hold the person, without the base."""
        groups = self.entries(filter_=f"(member={self.entry(who)})")
        return {dn.removesuffix(f",{self.base}") for dn in groups}

    def token(self, who: str) -> dict[str, Any]:
        """The claims of an access token that Keycloak issues when the person logs in with a password."""
        if not self.logins:
            self._make_client()
        if who not in self.logins:
            user = self.users()[who]["id"]
            credential = {"type": "password", "value": PASSWORD, "temporary": False}
            self.admin("PUT", f"users/{user}/reset-password", credential)
            self.logins.add(who)
        form = {"grant_type": "password", "client_id": CLIENT, "username": who, "password": PASSWORD}
        request = urllib.request.Request(
            f"{self.keycloak.url}/realms/{self.realm}/protocol/openid-connect/token",
            data=urllib.parse.urlencode(form).encode(),
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            token = json.load(response)["access_token"]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        return claims

    def permissions(self, who: str) -> set[str]:
        """What the claim of scoped permissions says in a token of the person: `/unit#permission`."""
        return set(self.token(who).get("permissions", ()))

    def client_roles(self, who: str) -> set[str]:
        """The roles of the mapping's client in a token of the person."""
        return set(self.token(who).get("resource_access", {}).get(self.name, {}).get("roles", ()))

    def _make_client(self) -> None:
        """An application in which people log in, with the scope of permissions where there is one."""
        body = {"clientId": CLIENT, "publicClient": True, "directAccessGrantsEnabled": True}
        self.admin("POST", "clients", body)
        client = self.admin("GET", f"clients?clientId={CLIENT}")[0]["id"]
        for scope in self.admin("GET", "client-scopes"):
            if scope["name"] == "syncd-permissions":
                self.admin("PUT", f"clients/{client}/default-client-scopes/{scope['id']}")
