"""The command line, taking its time: `slow.py CHANGES SECONDS ARGUMENTS…`.

A wave is that many changes, and each write to Keycloak takes that much longer.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from syncd import reconcile
from syncd.cli import root
from syncd.targets.keycloak_connection import KeycloakConnection

call = KeycloakConnection.call


def slow_call(self: KeycloakConnection, method: str, *place: str, **how: Any) -> Any:
    if method != "GET":
        time.sleep(float(sys.argv[2]))
    return call(self, method, *place, **how)


reconcile.WAVE = int(sys.argv[1])
KeycloakConnection.call = slow_call  # type: ignore[method-assign]
root.main(sys.argv[3:], prog_name="syncd")
