"""Debian's PgBouncer in front of a PostgreSQL, sharing sessions out by transaction or keeping them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import URL, make_url

from deploy.local.postgres import ACCOUNT
from deploy.local.process import LOOPBACK, await_ready, end, free_port, launch, listens

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.local.process import ProcessId

PGBOUNCER = "/usr/sbin/pgbouncer"
SETTINGS = """\
[databases]
* = host={host} port={port} user={user} password={password}
[pgbouncer]
listen_addr = {loopback}
listen_port = {own}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {size}
{account}
"""


@dataclass(frozen=True)
class PgBouncer:
    """Running since `start`; `url` leads through it to the database that it was made for."""

    process: ProcessId
    url: str

    @classmethod
    def start(cls, folder: Path, database: str, mode: str, size: int = 5) -> PgBouncer:
        behind, port = make_url(database), free_port()
        folder.mkdir()
        settings, log = folder / "pgbouncer.ini", folder / "log"
        settings.write_text(
            SETTINGS.format(
                host=behind.host,
                port=behind.port,
                user=behind.username,
                password=behind.password,
                loopback=LOOPBACK,
                own=port,
                mode=mode,
                size=size,
                account=f"user = {ACCOUNT}" if ACCOUNT else "",
            )
        )
        process = launch([PGBOUNCER, settings], log=log)
        await_ready("pgbouncer", process, lambda: listens(process, port), log=log, seconds=120)
        return cls(process, _through(behind, port))

    def stop(self) -> None:
        end(self.process, patience=60)


def _through(behind: URL, port: int) -> str:
    return behind.set(host=LOOPBACK, port=port).render_as_string(hide_password=False)
