"""The command line, killed by SIGKILL at the N-th write: `killer.py N before|after ARGUMENTS…`.

Writes are counted where they leave for a server, Keycloak and directory together. `before` dies with
the request unsent, `after` once the server has answered and nobody has noted it.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from syncd.cli import root
from syncd.ldapwire.directory import Directory
from syncd.targets.keycloak_connection import KeycloakConnection

if TYPE_CHECKING:
    from collections.abc import Iterator

FATAL, WHEN = int(sys.argv[1]), sys.argv[2]
counter = itertools.count(1)
counting = threading.Lock()


def die_at(moment: str, number: int) -> None:
    if number == FATAL and moment == WHEN:
        os.kill(os.getpid(), signal.SIGKILL)


def counted() -> int:
    with counting:
        return next(counter)


call, write = KeycloakConnection.call, Directory.write


def fatal_call(self: KeycloakConnection, method: str, *place: str, **how: Any) -> Any:
    if method == "GET":
        return call(self, method, *place, **how)
    number = counted()
    die_at("before", number)
    reply = call(self, method, *place, **how)
    die_at("after", number)
    return reply


def fatal_write(self: Directory, operations: Any) -> Iterator[Any]:
    number = counted()
    die_at("before", number)
    for reply in write(self, operations):
        die_at("after", number)
        number = counted()
        yield reply


KeycloakConnection.call = fatal_call  # type: ignore[method-assign]
Directory.write = fatal_write  # type: ignore[method-assign]
root.main(sys.argv[3:], prog_name="syncd")
