"""The programs that the local servers need: looked for, then installed by apt-get or named."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local import postgres, slapd

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

OLDEST_JAVA = 17

# A package's own service would start on the machine's public ports, which nobody asked for: policy-rc.d is
# Debian's way to say no. One that is there already is the administrator's and stays.
INSTALL = """
set -e
guard=/usr/sbin/policy-rc.d
if [ ! -e "$guard" ]; then
  trap 'rm -f "$guard"' EXIT
  printf '#!/bin/sh\\nexit 101\\n' > "$guard"
  chmod 755 "$guard"
fi
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
"""


@dataclass(frozen=True, slots=True)
class Need:
    """A program, the Debian package that brings it, and how to see that it is there."""

    what: str
    package: str
    met: Callable[[], bool]


def java_version() -> int | None:
    """Major version of the `java` in the PATH, or None."""
    if shutil.which("java") is None:
        return None
    shown = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', shown)
    return int(found[1]) if found else None


def _on_path(program: str) -> Callable[[], bool]:
    return lambda: shutil.which(program) is not None


SERVERS = (
    Need(
        f"Java {OLDEST_JAVA} or newer (Keycloak)",
        "default-jre-headless",
        lambda: (java_version() or 0) >= OLDEST_JAVA,
    ),
    Need("Maven (fetches Keycloak)", "maven", _on_path("mvn")),
    Need(
        "OpenLDAP's slapd with its schemas", "slapd", lambda: slapd.SLAPD.exists() and slapd.SCHEMAS.is_dir()
    ),
    Need("OpenLDAP's clients", "ldap-utils", _on_path("ldapsearch")),
    Need("OpenSSL (test certificates)", "openssl", _on_path("openssl")),
)
TOOLS = (
    Need("groff (checks the man page)", "groff-base", _on_path("groff")),
    Need("promtool (checks the alert rules)", "prometheus", _on_path("promtool")),
    Need("systemd-analyze (checks the shipped unit)", "systemd", _on_path("systemd-analyze")),
)
TESTS = (
    *SERVERS,
    Need("PostgreSQL", "postgresql", lambda: postgres.binaries() is not None),
    Need("PgBouncer (a pooler in front of it)", "pgbouncer", lambda: Path("/usr/sbin/pgbouncer").exists()),
    *TOOLS,
)


def ensure(needs: Sequence[Need]) -> None:
    """Install what is missing; exits with 1 and the names of what is missing if that cannot be done."""
    missing = _missing(needs)
    if not missing:
        return
    packages = [need.package for need in missing]
    print(f"Missing: {', '.join(need.what for need in missing)}", flush=True)
    as_root = _as_root()
    if as_root is None:
        sys.exit(f"Install what is missing and try again: apt-get install {' '.join(packages)}")
    print(f"Installing by apt-get: {' '.join(packages)}", flush=True)
    done = subprocess.run([*as_root, "sh", "-c", INSTALL, "sh", *packages], stdout=sys.stderr, check=False)
    still = _missing(needs)
    if done.returncode or still:
        lacking = ", ".join(need.what for need in still) or "nothing, but apt-get failed"
        sys.exit(f"apt-get ended with {done.returncode}; still missing: {lacking}")


def _missing(needs: Sequence[Need]) -> list[Need]:
    return [need for need in needs if not need.met()]


def _as_root() -> list[str] | None:
    """What to put before a command so that root runs it; None if nobody is there to be asked for it."""
    if not Path("/usr/bin/apt-get").exists():
        return None
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and sys.stdin.isatty():
        return [sudo]
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n"]
    return None
