"""The directory of deploy/docker: the local stack's slapd on fixed ports, for the container's network.

    python -m deploy.docker.directory FOLDER PASSWORD_FILE

Makes the directory in FOLDER on the first start, with the service account's password from PASSWORD_FILE, then
becomes slapd, so that the container's signals reach it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from deploy.local.slapd import Slapd

PORTS = {"ldap": 3890, "ldaps": 6360}


class Directory(Slapd):
    """Slapd as the one process of a container."""

    def __init__(self, folder: Path, password_file: Path) -> None:
        super().__init__(folder)
        self._password_file = password_file

    def new_port(self, name: str) -> int:
        return PORTS[name]

    def new_secret(self, name: str) -> str:
        return self._password_file.read_text().strip() if name == "bind" else super().new_secret(name)

    def command(self) -> list[str]:
        *words, _addresses = (str(word) for word in super().command())
        return [*words, f"ldap://:{PORTS['ldap']}/ ldaps://:{PORTS['ldaps']}/"]


def main() -> None:
    folder, password_file = map(Path, sys.argv[1:])
    server = Directory(folder, password_file)
    server.make_once()
    command = server.command()
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
