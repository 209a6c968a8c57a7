"""syncd's daemon as a server of the local stack: started after the first apply, ended with the others."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.process import LOOPBACK
from deploy.local.server import Server

if TYPE_CHECKING:
    from collections.abc import Sequence

SYNCD = Path(__file__).resolve().parents[2] / ".venv" / "bin" / "syncd"


class Daemon(Server):
    """`syncd daemon` over the stack's syncd.yaml; its health address has a port of its own."""

    name = "syncd"
    port_names = ("health",)
    seconds_to_stop = 60

    def __init__(self, directory: Path, settings: Path) -> None:
        super().__init__(directory)
        self._settings = settings

    @property
    def url(self) -> str:
        """Where its health is."""
        return f"{self._listens}/readyz"

    @property
    def metrics_url(self) -> str:
        """Where Prometheus would ask."""
        return f"{self._listens}/metrics"

    @property
    def _listens(self) -> str:
        return f"http://{LOOPBACK}:{self.port('health')}"

    def make(self) -> None:
        """It has no data of its own: the store lies beside syncd.yaml."""

    def command(self) -> Sequence[str | Path]:
        self._say_where()
        return [SYNCD, "--config", self._settings, "daemon"]

    def _say_where(self) -> None:
        """Have syncd.yaml name the health address, so that `syncd status` asks this daemon."""
        head, mappings, named = self._settings.read_text().partition("\nmappings:\n")
        kept = "\n".join(line for line in head.splitlines() if not line.startswith("listen:"))
        listen = f"listen: {{health: {LOOPBACK}:{self.port('health')}}}"
        self._settings.write_text(f"{kept}\n{listen}{mappings}{named}")

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url, timeout=10) as answer:
                return bool(answer.status == 200)  # noqa: PLR2004  HTTP's OK
        except OSError:
            return False
