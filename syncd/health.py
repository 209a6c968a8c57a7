"""How the daemon is, for machines that ask: /healthz, /readyz and /metrics over plain HTTP.

Names of mappings are labels and no more: no person, no unit, no address stands in a metric.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from itertools import product
from typing import TYPE_CHECKING, Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client import Counter as Count
from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics import MetricWrapperBase

from syncd import traffic
from syncd.errand import RESULTS, Unanswered
from syncd.errors import StoreError, UsageError
from syncd.model import ENFORCED, Op

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from syncd.errand import Errand, Reply, Send
    from syncd.model import RunPlan, RunReport

BEATS_MISSED = 4  # after which the main loop counts as stuck
HEALTH = "127.0.0.1:9464"  # where the daemon listens unless told otherwise
SECONDS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that readiness stands on: ok, warn (it works, somebody should look) or fail."""

    status: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Found:
    """What one run found: how much waits, what stopped it, and the differences by target and operation."""

    run: str
    held: int
    stops: int
    drift: Counter[tuple[str, str]]


class Metrics:
    """What has been counted since the start, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._found: dict[str, dict[str, _Found]] = {}
        self._guard = threading.Lock()  # of what was found, which runs and looks change
        own: dict[str, Any] = {"registry": self.registry}
        one = ["mapping"]
        self.success = Gauge(
            "syncd_last_success_timestamp_seconds", "Start of the newest run that succeeded.", one, **own
        )
        self.runs = Count("syncd_runs", "Runs by how they ended.", [*one, "result"], **own)
        self.seconds = Histogram(
            "syncd_run_duration_seconds", "How long runs took.", one, buckets=SECONDS, **own
        )
        self.changes = Count(
            "syncd_changes",
            "Changes by target, operation and result.",
            [*one, "target", "op", "result"],
            **own,
        )
        self.drift = Gauge(
            "syncd_drift_objects",
            "Differences that the newest run found, made good or not.",
            [*one, "target", "op"],
            **own,
        )
        self.held = Gauge("syncd_held", "Changes that wait for a person.", one, **own)
        self.simulated = Gauge(
            "syncd_simulated", "Whether the policy lets nothing of the mapping be written.", one, **own
        )
        self.stopped = Gauge("syncd_stopped", "Limits that stopped the newest plan.", one, **own)
        self.unread = Count(
            "syncd_target_failures", "Reads of a target that failed.", [*one, "target"], **own
        )
        self.wakes = Count(
            "syncd_wakes", "Runs asked for because somebody else changed a server.", [*one, "target"], **own
        )
        self.invitations = Gauge("syncd_invitations", "Invitations by state.", [*one, "state"], **own)
        self.valid = Gauge(
            "syncd_mapping_valid", "Whether the files as they are now are in force; else older ones or none.",
            one, **own,
        )  # fmt: skip
        self._of_newest = (
            self.drift,
            self.held,
            self.simulated,
            self.stopped,
            self.invitations,
        )
        self.reload = Gauge(
            "syncd_config_last_reload_successful", "Whether syncd.yaml as it is now is in force.", **own
        )
        self.untold = Gauge("syncd_notices_waiting", "Notices to operators that have not left.", one, **own)
        self.queue = Gauge("syncd_queue_depth", "Mappings that are due and not running yet.", **own)
        self.leader = Gauge("syncd_leader", "Whether this process says when mappings run.", **own)
        self.info = Gauge("syncd_info", "Which syncd this is.", ["version", "environment", "config"], **own)
        self.registry.register(_Requests())

    def named(self, environment: str, config: Path) -> None:
        """Which syncd this is; `syncd status` knows its own daemon by the file."""
        self.info.labels(version("syncd"), environment, str(config.absolute())).set(1)

    def report(self, mapping: str, report: RunReport) -> None:
        """Count what a run did."""
        targets = {
            id(change): plan.target
            for plan in report.plan.plans
            for change in (*plan.changes, *(held.change for held in plan.held))
        }
        for one in report.outcomes:
            target = targets.get(id(one.change), "")
            self.changes.labels(mapping, target, one.change.op.value, one.result.value).inc()
        with self._guard:
            self._planned(mapping, report.run, report.plan)
        for target in report.plan.failed:
            self.unread.labels(mapping, target).inc()
        self.simulated.labels(mapping).set(int(report.plan.mode != ENFORCED))

    def _planned(self, mapping: str, run: str, plan: RunPlan) -> None:
        """What the newest run found, of a mapping in parts the newest of each that ran here.

        What is no longer found is 0 and not what an older one said.
        """
        known = self._found.setdefault(mapping, {})
        for part in [part for part in known if not (part and plan.part)]:
            del known[part]
        drift = Counter((one.target, change.op.value) for one in plan.plans for change in one.changes)
        known[plan.part] = _Found(run, plan.held, len(plan.stops), drift)
        self._tell_found(mapping, {one.target for one in plan.plans})

    def _tell_found(self, mapping: str, targets: Iterable[str]) -> None:
        known = self._found[mapping].values()
        drift = sum((one.drift for one in known), Counter[tuple[str, str]]())
        for target, op in product(targets, Op):
            self.drift.labels(mapping, target, op.value).set(drift[target, op.value])
        self.held.labels(mapping).set(sum(one.held for one in known))
        self.stopped.labels(mapping).set(sum(one.stops for one in known))

    def told(self) -> dict[str, dict[str, str]]:
        """The ids of the runs that are told of, by mapping and part."""
        with self._guard:
            return {
                name: {part: one.run for part, one in known.items()} for name, known in self._found.items()
            }

    def superseded(self, mapping: str, runs: Collection[str]) -> None:
        """Say no more of what these runs found: another daemon made a newer one, and tells of it.

        Without that what a run once found would be told for as long as this process makes no other.
        """
        with self._guard:
            known = self._found.get(mapping, {})
            over = [part for part, one in known.items() if one.run in runs]
            targets = {target for part in over for target, _ in known.pop(part).drift}
            if over and known:
                self._tell_found(mapping, targets)
            elif over:
                del self._found[mapping]
                for gauge in self._of_newest:
                    gauge.remove_by_labels({"mapping": mapping})

    def succeeded(self, successes: Mapping[str, datetime]) -> None:
        """When mappings last succeeded; of those before this process too, lest they look like none at all."""
        for mapping, began in successes.items():
            self.success.labels(mapping).set(began.timestamp())

    def forget(self, mapping: str) -> None:
        """No word more of a mapping that left syncd.yaml: nobody can make its alarms end."""
        with self._guard:
            self._found.pop(mapping, None)
        for metric in vars(self).values():
            if isinstance(metric, MetricWrapperBase) and "mapping" in metric._labelnames:  # noqa: SLF001 - no public way
                metric.remove_by_labels({"mapping": mapping})

    def invited(self, mapping: str, states: Mapping[str, int]) -> None:
        """How many invitations stand how."""
        for state, count in states.items():
            self.invitations.labels(mapping, state).set(count)


class WebMetrics:
    """What a process counts that only answers requests of people, in a registry of its own.

    A request is counted by the pattern of its route: what people put into an address is no label.
    """

    def __init__(self, role: str, environment: str) -> None:
        self.registry = CollectorRegistry()
        own: dict[str, Any] = {"registry": self.registry}
        self.requests = Count(
            "syncd_web_requests", "Requests by route and by what was answered.", ["route", "status"], **own
        )
        self.reload = Gauge(
            "syncd_config_last_reload_successful", "Whether syncd.yaml as it is now is in force.", **own
        )
        info = Gauge("syncd_web_info", "Which syncd answers.", ["version", "environment", "role"], **own)
        info.labels(version("syncd"), environment, role).set(1)
        self.reload.set(1)


class ErrandMetrics:
    """What is counted of errands in a registry: on the `front`, or by a `worker` that carries them out."""

    def __init__(self, registry: CollectorRegistry, side: str) -> None:
        self._registry, self._side = registry, side
        self._seconds = Histogram(
            "syncd_errand_duration_seconds",
            "How long requests took that a front desk handed over, by who measured and how they ended.",
            ["side", "result"],
            buckets=SECONDS,
            registry=registry,
        )
        for result in ("answered", "fault", *(RESULTS.values() if side == "front" else ())):
            self._seconds.labels(side, result)  # the first of a kind is an increase only from a 0

    def timed(self, send: Send) -> Send:
        """The same, and how long it took and how it ended are counted."""

        def sending(errand: Errand) -> Reply:
            began, result = time.monotonic(), "fault"
            try:
                reply = send(errand)
                result = "answered"
            except Unanswered as error:
                result = RESULTS[str(error)]
                raise
            finally:
                self._seconds.labels(self._side, result).observe(time.monotonic() - began)
            return reply

        return sending

    def waits(self, waiting: Callable[[], int]) -> None:
        """Tell how many nobody has taken; no number where the store does not say."""

        def told() -> float:
            try:
                return waiting()
            except StoreError:
                return math.nan

        Gauge(
            "syncd_errands_waiting",
            "Requests of all front desks that no worker has taken yet.",
            registry=self._registry,
        ).set_function(told)


class _Requests:
    """What connections counted, as Prometheus collects it."""

    def collect(self) -> Iterator[CounterMetricFamily]:
        """The family as of now."""
        family = CounterMetricFamily(
            "syncd_target_requests",
            "Requests by connection, operation and what was answered; none where nothing was.",
            labels=["target", "op", "result"],
        )
        for labels, count in sorted(traffic.counted().items()):
            family.add_metric(labels, count)
        yield family


class Pulse:
    """Whether the main loop goes round."""

    def __init__(self, beat: float) -> None:
        self._beat = beat
        self._last = time.monotonic()

    def beat(self) -> None:
        """A sign of life."""
        self._last = time.monotonic()

    def alive(self) -> bool:
        """Whether there was one lately."""
        return time.monotonic() - self._last < BEATS_MISSED * self._beat


class Listener:
    """The HTTP server; `checks` gives the lines of readiness when it is asked for."""

    def __init__(
        self,
        address: str,
        pulse: Pulse,
        metrics: Metrics | WebMetrics,
        checks: Callable[[], dict[str, Check]],
    ) -> None:
        """Raises `UsageError` where the address cannot be listened on."""
        host, _, port = address.rpartition(":")
        handler = _handler(pulse, metrics, checks)
        try:
            self._server = ThreadingHTTPServer((host.strip("[]"), int(port)), handler)
        except OSError as error:
            raise UsageError(
                f"listen.health: {address} cannot be listened on: {error.strerror}", "name another address"
            ) from error
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def url(self) -> str:
        """Where it answers."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def readiness(checks: Mapping[str, Check]) -> tuple[int, dict[str, Any]]:
    """The status code and the document of /readyz: a warning is still ready."""
    worst = max((check.status for check in checks.values()), key=("ok", "warn", "fail").index, default="ok")
    document = {"status": worst, "checks": {name: asdict(check) for name, check in checks.items()}}
    return (503 if worst == "fail" else 200), document


def _handler(
    pulse: Pulse, metrics: Metrics | WebMetrics, checks: Callable[[], dict[str, Check]]
) -> type[BaseHTTPRequestHandler]:
    class Answers(BaseHTTPRequestHandler):
        """Three pages to read; nothing here changes anything."""

        server_version, sys_version = "syncd", ""

        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/healthz":
                    alive = pulse.alive()
                    self._json(200 if alive else 503, {"status": "ok" if alive else "fail"})
                case "/readyz":
                    self._json(*readiness(checks()))
                case "/metrics":
                    self._send(200, CONTENT_TYPE_LATEST, generate_latest(metrics.registry))
                case _:
                    self._json(404, {"error": "there are /healthz, /readyz and /metrics"})

        def _json(self, code: int, document: Mapping[str, Any]) -> None:
            text = json.dumps(document, ensure_ascii=False) + "\n"
            self._send(code, "application/json; charset=utf-8", text.encode())

        def _send(self, code: int, kind: str, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  http.server's name
            """Probes come every few seconds: they are not worth a line."""

    return Answers
