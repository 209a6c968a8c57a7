"""Debian's PostgreSQL, private to a directory and without durability: for tests only."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.process import LOOPBACK, ServerFailed
from deploy.local.server import Server

if TYPE_CHECKING:
    from collections.abc import Sequence

# PostgreSQL refuses to run as root; Debian's package makes this account for it.
ACCOUNT = "postgres" if os.geteuid() == 0 else None
FAST = ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
ROOM = ["-c", "max_connections=400"]  # two tests of a hundred racers may be on at once


def binaries() -> Path | None:
    """Where the newest installed PostgreSQL has initdb and postgres; Debian keeps them out of the PATH."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda path: int(path.parent.name))
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


class Postgres(Server):
    """A cluster with one superuser, `syncd`; the account `postgres` must be able to reach its directory."""

    name = "postgres"
    port_names = ("postgres",)
    secret_names = ("superuser",)
    seconds_to_stop = 60  # killed, it leaves sessions behind that keep its memory from the next start
    stops_on = signal.SIGINT  # on SIGTERM it would wait for its clients to leave
    user = ACCOUNT

    @property
    def url(self) -> str:
        return self._database_url("postgres")

    def fresh_database(self) -> str:
        """Create an empty database; returns its URL for SQLAlchemy with psycopg 3."""
        name = f"t_{secrets.token_hex(6)}"
        self._run(
            self._program("createdb"), "-h", LOOPBACK, "-p", str(self.port("postgres")), "-U", "syncd", name,
            environment={"PGPASSWORD": self.secret("superuser")},
        )  # fmt: skip
        return self._database_url(name)

    def make(self) -> None:
        data = self._data()
        shutil.rmtree(data, ignore_errors=True)
        password = self.directory / "password"
        password.write_text(self.secret("superuser"))
        data.mkdir()
        if self.user:
            self.directory.chmod(0o755)
            account = pwd.getpwnam(self.user)
            for path in (data, password):
                os.chown(path, account.pw_uid, account.pw_gid)
        self._run(
            self._program("initdb"), "-D", data, "-U", "syncd", "--auth=scram-sha-256",
            f"--pwfile={password}",
            "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
        )  # fmt: skip
        password.unlink()

    def command(self) -> Sequence[str | Path]:
        return [
            self._program("postgres"), "-D", self._data(), "-p", str(self.port("postgres")),
            "-c", f"listen_addresses={LOOPBACK}", "-c", "unix_socket_directories=", *FAST, *ROOM,
        ]  # fmt: skip

    def answers(self) -> bool:
        done = subprocess.run(
            [self._program("pg_isready"), "-q", "-h", LOOPBACK, "-p", str(self.port("postgres"))], check=False
        )
        return done.returncode == 0

    def _data(self) -> Path:
        return self.directory / "data"

    def _database_url(self, database: str) -> str:
        return f"postgresql+psycopg://syncd:{self.secret('superuser')}@{LOOPBACK}:{self.port('postgres')}/{database}"

    def _program(self, name: str) -> Path:
        directory = binaries()
        if directory is None:
            raise ServerFailed("PostgreSQL is not installed: apt-get install postgresql")
        return directory / name

    def _run(self, *command: str | Path, environment: dict[str, str] | None = None) -> None:
        done = subprocess.run(
            [str(word) for word in command], cwd=self.directory, env={**os.environ, **(environment or {})},
            user=self.user, group=self.user, extra_groups=[] if self.user else None,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise ServerFailed(f"{command[0]} failed with {done.returncode}:\n{done.stderr or done.stdout}")
