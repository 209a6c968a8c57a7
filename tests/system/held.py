"""The daemon, held in its first run until it is told to end: `held.py CHANGES ARGUMENTS…`.

A wave is that many changes. Once a group is made, whatever else is to be written to Keycloak waits.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

from syncd import reconcile
from syncd.cli import root
from syncd.daemon import Daemon
from syncd.targets.keycloak_connection import KeycloakConnection

call, made = KeycloakConnection.call, Daemon.__init__
daemons: list[Daemon] = []
grouped = threading.Event()


def noted(self: Daemon, *arguments: Any, **named: Any) -> None:
    made(self, *arguments, **named)
    daemons.append(self)


def held_call(self: KeycloakConnection, method: str, *place: str, **how: Any) -> Any:
    if method == "GET":
        return call(self, method, *place, **how)
    if grouped.is_set():
        daemons[0]._stopping.wait()
    reply = call(self, method, *place, **how)
    if place[0] == "groups":
        grouped.set()
    return reply


reconcile.WAVE = int(sys.argv[1])
Daemon.__init__ = noted  # type: ignore[method-assign]
KeycloakConnection.call = held_call  # type: ignore[method-assign]
root.main(sys.argv[2:], prog_name="syncd")
