"""Asking a daemon on this machine how it is, by the pages that machines read."""

from __future__ import annotations

import http.client
import json
import math
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from syncd.app_types import DaemonStanding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prometheus_client.samples import Sample

METRICS, READY = "metrics.txt", "readyz.json"
PATIENCE = 2.0  # seconds; a daemon beside us answers in milliseconds


def pages(address: str, config: str) -> dict[str, str]:
    """The pages of the daemon over the operator's file `config`; none where none answers at HOST:PORT.

    Another one may have the port: it is known by its file and counts as none.
    """
    try:
        metrics, ready = _get(address, "/metrics"), _get(address, "/readyz")
        named = _named(list(_samples(metrics)))
        json.loads(ready)
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    return {METRICS: metrics, READY: ready} if named.get("config") == config else {}


def ask(address: str, config: str) -> DaemonStanding | None:
    """How the daemon over the operator's file `config` is; None where none answers at HOST:PORT."""
    found = pages(address, config)
    if not found:
        return None
    samples, checks = list(_samples(found[METRICS])), json.loads(found[READY])["checks"]
    named = _named(samples)
    values: dict[str, float] = {sample.name: sample.value for sample in samples if not sample.labels}
    waiting = values.get("syncd_queue_depth", math.nan)
    return DaemonStanding(
        address=address,
        version=named.get("version", ""),
        leader=bool(values.get("syncd_leader")),
        queue=None if math.isnan(waiting) else int(waiting),
        problems={name: check["detail"] for name, check in checks.items() if check["status"] != "ok"},
        requests=tuple(
            (sample.labels["target"], sample.labels["op"], sample.labels["result"], int(sample.value))
            for sample in samples
            if sample.name == "syncd_target_requests_total"
        ),
    )


def _get(address: str, path: str) -> str:
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]") or "127.0.0.1", int(port), timeout=PATIENCE)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def _named(samples: Sequence[Sample]) -> dict[str, str]:
    """Which syncd it is."""
    return next((sample.labels for sample in samples if sample.name == "syncd_info"), {})


def _samples(text: str) -> Iterator[Sample]:
    for family in text_string_to_metric_families(text):
        yield from family.samples
