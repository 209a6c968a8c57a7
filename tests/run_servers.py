"""The shared servers of one test run: a directory named after the process that answers for them.

A run that was killed leaves its directory; the next one sees that its process is gone and ends what it left.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.process import ProcessId, ServerFailed
from deploy.local.servers import Keycloak, MailSink, Postgres, Slapd

if TYPE_CHECKING:
    from deploy.local.server import Server

VARIABLE = "SYNCD_TEST_SERVERS"
SHARD = "SYNCD_TEST_SHARD"
SHARED: dict[str, type[Server]] = {"keycloak": Keycloak, "postgres": Postgres}
EVERY: dict[str, type[Server]] = {**SHARED, "slapd": Slapd, "mailsink": MailSink}
HOME = Path(tempfile.gettempdir()) / f"syncd-tests-{os.getuid()}"


def begin_run() -> Path:
    """Make this process's directory and name it in the environment, for pytest and its workers."""
    _end_abandoned_runs()
    me = ProcessId.of(os.getpid())
    run = HOME / f"{me.number}-{me.born}"
    run.mkdir(parents=True)
    for directory in (HOME, run):
        directory.chmod(0o755)  # PostgreSQL's account must reach its own directory below
    os.environ[VARIABLE] = json.dumps({name: str(run / name) for name in SHARED})
    return run


def end_run(run: Path) -> None:
    """End every server of the run that still lives, and remove the directory."""
    for name, kind in EVERY.items():
        for record in run.glob(f"{name}*/server.json"):
            with contextlib.suppress(ServerFailed, OSError):  # another run may be ending it, too
                kind(record.parent).stop()
    shutil.rmtree(run, ignore_errors=True)


def shared(name: str) -> Server:
    """The run's shared server of that name, running."""
    return SHARED[name](run_directory() / name).start()


def run_directory() -> Path:
    return Path(json.loads(os.environ[VARIABLE])["keycloak"]).parent


def _end_abandoned_runs() -> None:
    for run in HOME.glob("*-*"):
        number, born = run.name.split("-")
        if not ProcessId(int(number), int(born)).alive():
            end_run(run)
