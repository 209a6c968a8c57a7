"""Keycloak on a JVM of its own: fetched by Maven, built and bootstrapped once, copied for each server.

A first start makes the schema, the master realm and the administrators, up to a minute's work on two cores.
The result is kept in a prepared folder of the cache; a server is a copy, ready in a quarter of the time.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.process import LOOPBACK, ServerFailed
from deploy.local.server import Server, locked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

VERSION = "26.7.5"  # the one place; deploy/docker is tested against it
ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
BUILD = ("--db=dev-file", "--cache=local", "--health-enabled=true", "--metrics-enabled=true")
REPOSITORY = Path(__file__).resolve().parents[2]
JAVA = {
    "JAVA_OPTS_KC_HEAP": "-Xms128m -Xmx512m",
    "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1",  # starts in half the time; tests need no peak speed
}
THEMES = REPOSITORY / "deploy" / "keycloak-plugin" / "theme"
ADMIN_CLIENT = "syncd-local-admin"
ADMIN_USER = "admin"


def cache() -> Path:
    """Where downloads and the prepared folder live: SYNCD_CACHE, or .cache in the repository."""
    return Path(os.environ.get("SYNCD_CACHE") or REPOSITORY / ".cache").absolute()


class Keycloak(Server):
    """A Keycloak with a master realm only, an administrator and a service account with every right."""

    name = "keycloak"
    port_names = ("http", "management")
    seconds_to_start = 240
    seconds_to_stop = 45
    admin_client_id = ADMIN_CLIENT
    admin_user = ADMIN_USER

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port('http')}"

    @property
    def console_url(self) -> str:
        return f"{self.url}/admin/master/console/"

    @property
    def admin_client_secret(self) -> str:
        return self._login()["client"]

    @property
    def admin_password(self) -> str:
        return self._login()["user"]

    def admin_token(self) -> str:
        """A fresh access token of the service account; Keycloak's master realm lets it live for a minute."""
        form = {
            "grant_type": "client_credentials",
            "client_id": ADMIN_CLIENT,
            "client_secret": self.admin_client_secret,
        }
        request = urllib.request.Request(
            f"{self.url}/realms/master/protocol/openid-connect/token",
            data=urllib.parse.urlencode(form).encode(),
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return str(json.load(response)["access_token"])

    def admin(self, method: str, path: str, body: object = None) -> object:
        """Call the Admin API at `path` below /admin; returns the decoded answer, or None if it is empty.

        Raises urllib.error.HTTPError for an answer of 400 or more.
        """
        request = urllib.request.Request(
            f"{self.url}/admin/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.admin_token()}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=120) as response:
            text = response.read()
        return json.loads(text) if text else None

    def make_realm(self, realm: str, **settings: object) -> None:
        self.admin("POST", "realms", {"realm": realm, "enabled": True, **settings})

    def remove_realm(self, realm: str) -> None:
        """Remove the realm; one that is gone already is fine."""
        try:
            self.admin("DELETE", f"realms/{urllib.parse.quote(realm, safe='')}")
        except urllib.error.HTTPError as error:
            if error.code != HTTPStatus.NOT_FOUND:
                raise

    def make(self) -> None:
        _copy(prepared(), self.home)

    def _launched(self) -> None:
        """As every server, with the mail theme as it is now: Keycloak reads it as files."""
        shutil.copytree(THEMES, self.home / "themes", dirs_exist_ok=True)
        super()._launched()

    def command(self) -> Sequence[str | Path]:
        return [
            self.home / "bin" / "kc.sh", "start", "--optimized", "--http-enabled=true",
            "--hostname-strict=false",
            f"--http-host={LOOPBACK}", f"--http-port={self.port('http')}",
            f"--http-management-port={self.port('management')}", "--log-level=info",
        ]  # fmt: skip

    def environment(self) -> Mapping[str, str]:
        return JAVA

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(
                f"http://{LOOPBACK}:{self.port('management')}/health/ready", timeout=5
            ) as response:
                return bool(response.status == HTTPStatus.OK)
        except OSError:
            return False

    @property
    def home(self) -> Path:
        """The server's own copy of the distribution."""
        return self.directory / "keycloak"

    def _login(self) -> dict[str, str]:
        return dict(json.loads((self.home / "login.json").read_text()))


class _Unprepared(Keycloak):
    """The first start of a built distribution: it makes the master realm with our administrators."""

    def make(self) -> None:
        _unpack(_download(), self.home)
        _build(self.home)
        login = self.home / "login.json"
        login.touch(mode=0o600)
        login.write_text(json.dumps({"client": secrets.token_urlsafe(24), "user": secrets.token_urlsafe(12)}))

    def environment(self) -> Mapping[str, str]:
        return {
            **JAVA,
            "KC_BOOTSTRAP_ADMIN_CLIENT_ID": ADMIN_CLIENT,
            "KC_BOOTSTRAP_ADMIN_CLIENT_SECRET": self.admin_client_secret,
            "KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN_USER,
            "KC_BOOTSTRAP_ADMIN_PASSWORD": self.admin_password,
        }


def prepared_folder() -> Path:
    """Where the prepared Keycloak is, once it is complete."""
    return cache() / f"keycloak-{VERSION}"


def prepared() -> Path:
    """The prepared folder, made if need be; one that was interrupted is thrown away and made anew."""
    final = prepared_folder()
    with locked(cache() / f"keycloak-{VERSION}.lock"):
        if not final.exists():
            for left in cache().glob(f"keycloak-{VERSION}.unfinished-*/"):
                _Unprepared(left).wipe()
            # A new name each time: what an interrupted preparation still runs writes elsewhere.
            workshop = cache() / f"keycloak-{VERSION}.unfinished-{secrets.token_hex(4)}"
            first = _Unprepared(workshop)
            first.start()
            first.admin_token()
            first.stop()
            first.home.rename(final)
            first.wipe()
    return final


def _download() -> Path:
    """Keycloak's distribution from the Maven repository, by Maven itself; returns the zip."""
    target = cache() / "downloads" / f"keycloak-quarkus-dist-{VERSION}.zip"
    if not target.exists():
        incoming = target.with_name("incoming")
        shutil.rmtree(incoming, ignore_errors=True)
        incoming.mkdir(parents=True)
        _run("mvn", "-B", "-q", "dependency:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={incoming}")
        (incoming / target.name).rename(target)
        incoming.rmdir()
    return target


def _unpack(archive: Path, home: Path) -> None:
    with zipfile.ZipFile(archive) as content:
        content.extractall(home.parent)
    (home.parent / f"keycloak-{VERSION}").rename(home)
    for script in (home / "bin").glob("*.sh"):
        script.chmod(0o755)  # zipfile drops the permissions


def _build(home: Path) -> None:
    _run(home / "bin" / "kc.sh", "build", *BUILD)


def _copy(source: Path, target: Path) -> None:
    """Copy a Keycloak; its jars, which never change, are hard links where the file system allows."""
    jars = source / "lib" / "lib"

    def share(file: str, copy: str) -> str:
        if jars in Path(file).parents:
            try:
                os.link(file, copy)
            except OSError:
                return shutil.copy2(file, copy)
            return copy
        return shutil.copy2(file, copy)

    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=share)


def _run(*command: str | Path) -> None:
    done = subprocess.run(
        [str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ServerFailed(
            f"{' '.join(map(str, command))} failed with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
