"""Spans of a run for OpenTelemetry: the only door to it. Nothing leaves unless the environment says where.

The variables are OpenTelemetry's own: OTEL_EXPORTER_OTLP_ENDPOINT (or …_TRACES_ENDPOINT) turns it on,
OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER and the others mean what its specification says.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.trace import StatusCode

from syncd.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SWITCHES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


@contextmanager
def span(name: str, **attributes: str | int) -> Iterator[None]:
    """A part of a run; of an exception that passes only the kind is recorded in it.

    Names of people are no attributes, and messages and what they were made of may hold some.
    """
    named = {f"syncd.{key}": value for key, value in attributes.items()}
    with trace.get_tracer("syncd").start_as_current_span(
        name, attributes=named, record_exception=False, set_status_on_exception=False
    ) as begun:
        try:
            yield
        except BaseException as error:
            begun.set_attribute("error.type", type(error).__name__)
            begun.set_status(StatusCode.ERROR)
            raise


def start(environ: Mapping[str, str] = os.environ) -> bool:
    """Send spans from now on where the environment says so; whether it does.

    Raises `UsageError` where it does and what sends them is not installed.
    """
    if not any(environ.get(name) for name in SWITCHES) or environ.get("OTEL_SDK_DISABLED") == "true":
        return False
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - an extra
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - as above
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        named = next(name for name in SWITCHES if environ.get(name))
        raise UsageError(
            f"{named} asks for traces, but {error.name} is not installed",
            "install syncd[otel], or unset the variable",
        ) from error
    service = environ.get("OTEL_SERVICE_NAME", "syncd")
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return True
