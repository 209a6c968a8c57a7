"""What a site tells of itself on real servers: metrics, status, traces, a bundle without secrets."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families
from werkzeug import Response

from tests.system.test_daemon import NEVER, eventually, serving

if TYPE_CHECKING:
    from pytest_httpserver import HTTPServer
    from werkzeug import Request

    from tests.system.site import Site

pytestmark = pytest.mark.live

SUCCESS = 'syncd_last_success_timestamp_seconds{mapping="acme"}'
ASKED = {"token", "GET", "POST", "bind", "search", "add"}


def test_a_run_is_told_by_metrics_status_and_traces_and_no_secret_leaves(
    site: Site, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[ExportTraceServiceRequest] = []

    def take(request: Request) -> Response:
        sent.append(ExportTraceServiceRequest.FromString(request.data))
        return Response(status=200, content_type="application/x-protobuf")

    httpserver.expect_request("/v1/traces", method="POST").respond_with_handler(take)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", httpserver.url_for("").rstrip("/"))
    site.write(site.mapping.read_text() + "policy: {grants: {at_least: 50}}\n")  # nobody confirms this run
    site.config.write_text(site.config.read_text() + NEVER)  # another run would find nothing more
    with serving(site) as daemon:
        eventually(lambda: daemon.checks()["last run of acme"] == {"status": "ok", "detail": ""})
        eventually(lambda: SUCCESS in daemon.get("/metrics")[1])
        samples = {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(daemon.get("/metrics")[1])
            for sample in family.samples
        }
        monkeypatch.setenv("SYNCD_LISTEN__HEALTH", daemon.url.removeprefix("http://"))
        status = site.cli("--output", "json", "status").ok().json
        shown = site.cli("status").ok().out
        site.cli("support", "--out", "bundle.tar.gz").ok()
        assert daemon.end() == 0

    (mapping,) = status["mappings"]
    drift = sum(value for key, value in samples.items() if key[0] == "syncd_drift_objects")
    assert mapping["drift"] == drift > 0
    assert samples["syncd_last_success_timestamp_seconds", "acme"] > 0
    assert samples["syncd_leader",] == 1
    assert status["daemon"]["leader"] is True
    assert {op for _target, op, _result, _count in status["daemon"]["requests"]} >= ASKED
    assert len({target for target, *_ in status["daemon"]["requests"]}) == 2
    assert "last success" in shown
    assert "Requests since its start" in shown

    scopes = [scope for one in sent for part in one.resource_spans for scope in part.scope_spans]
    spans = [span for scope in scopes for span in scope.spans]
    run = next(span for span in spans if span.name == "run" and not span.parent_span_id)
    below = {span.name for span in spans if span.trace_id == run.trace_id and span.parent_span_id}
    assert below == {"read", "write wave"}

    with tarfile.open(site.folder / "bundle.tar.gz") as packed:
        text = "".join(packed.extractfile(one).read().decode() for one in packed.getmembers())
    secrets = [site.folder / "admin", site.folder / "ldap", *site.folder.glob("*.key")]
    assert len(secrets) == 3
    for secret in (*secrets, *(site.folder / "secrets").iterdir()):
        assert secret.read_text().strip() not in text
    assert "syncd_leader" in text
    assert "ann.ashe" not in text
