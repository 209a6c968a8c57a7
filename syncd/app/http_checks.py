"""What `doctor` finds out about an HTTP server: whether the rosters that mappings read there can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.app import connections
from syncd.app.rosters import csv_format
from syncd.model import Check
from syncd.sources.http import read_http

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncd.mapping.compiled import Compiled
    from syncd.settings import Settings


def http_checks(settings: Settings, name: str, mappings: Mapping[str, Compiled]) -> list[Check]:
    """One check for each roster behind the connection; raises `SettingsInvalid` without its token."""
    server = connections.http_server(settings, name)
    found = []
    for mapping, compiled in mappings.items():
        for roster, model in compiled.document.rosters.items():
            if model.http is not None and model.http.connection == name:
                read = read_http(roster, server, model.http.path, csv_format(model))
                problem = next(iter(read.problems), None)
                found.append(
                    Check(f"roster {mapping}.{roster}", "ok", f"{len(read.rows)} rows")
                    if problem is None
                    else Check(f"roster {mapping}.{roster}", "fail", problem.message, problem.hint)
                )
    return found or [Check("rosters", "warn", "no valid mapping reads one here")]
