"""Spans of runs: off unless the environment asks, then one for the run, each read and each wave."""

from __future__ import annotations

import sys

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from syncd import tracing
from syncd.errors import Busy, UsageError

SWITCHED_ON = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.fixture
def spans(monkeypatch):
    """What is sent, with a provider of this test's own: OpenTelemetry's can be set only once."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    return exporter.get_finished_spans


def test_a_part_of_a_run_is_a_span_below_the_run(spans):
    with tracing.span("run", mapping="acme"), tracing.span("read", target="keycloak"):
        pass
    read, run = spans()
    assert (read.name, dict(read.attributes)) == ("read", {"syncd.target": "keycloak"})
    assert read.parent.span_id == run.context.span_id


def test_what_ends_a_part_is_recorded_and_goes_on(spans):
    with pytest.raises(ValueError, match="broken"), tracing.span("read"):
        raise ValueError("broken")
    assert spans()[0].status.status_code is StatusCode.ERROR


def test_of_what_ends_a_part_only_the_kind_leaves_since_its_message_may_name_people(spans):
    with pytest.raises(Busy), tracing.span("run", mapping="acme"), tracing.span("read"):
        raise Busy("acme: sue@acme.example works on it")
    assert {span.attributes["error.type"] for span in spans()} == {"Busy"}
    assert {span.status.description for span in spans()} == {None}
    assert "sue" not in "".join(span.to_json() for span in spans())


@pytest.mark.parametrize("environ", [{}, {**SWITCHED_ON, "OTEL_SDK_DISABLED": "true"}])
def test_nothing_is_sent_unless_the_environment_says_where(environ):
    assert tracing.start(environ) is False


def test_traces_without_what_sends_them_are_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(UsageError, match="OTEL_EXPORTER_OTLP_ENDPOINT asks for traces") as refused:
        tracing.start(SWITCHED_ON)
    assert "syncd[otel]" in refused.value.remedy


def test_the_environment_turns_it_on(monkeypatch):
    taken = []
    monkeypatch.setattr(trace, "set_tracer_provider", taken.append)
    assert tracing.start({**SWITCHED_ON, "OTEL_SERVICE_NAME": "syncd-test"}) is True
    assert taken[0].resource.attributes["service.name"] == "syncd-test"
    taken[0].shutdown()
