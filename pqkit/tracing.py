"""OpenTelemetry spans of enqueues and runs, linked by trace context stored with the job.

Off by default; OpenTelemetry is not imported while the setting ``traces`` is off. If the program has its own tracer
provider, that one is used. Otherwise OpenTelemetry's own variables say where spans go (``OTEL_EXPORTER_OTLP_ENDPOINT``;
with ``OTEL_TRACES_EXPORTER=console`` to standard output).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from pqkit import extras
from pqkit.errors import PqkitError
from pqkit.redaction.redact import redact

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, SpanKind, Tracer

PARENT = "traceparent"


def parent() -> str | None:
    """The current span as W3C trace context; None if nothing is traced."""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415 - see above

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(PARENT)


@contextmanager
def enqueuing(task: str) -> Iterator[None]:
    """Open a producer span for an enqueue."""
    from opentelemetry.trace import SpanKind  # noqa: PLC0415 - see above

    with _span(f"enqueue {task}", SpanKind.PRODUCER, None):
        yield


@contextmanager
def running(task: str, job_id: int, attempt: int, told: str | None) -> "Iterator[Span]":
    """Open a consumer span for a run, in the trace of the producer's ``parent``."""
    from opentelemetry.trace import SpanKind  # noqa: PLC0415 - see above

    with _span(f"run {task}", SpanKind.CONSUMER, told) as span:
        span.set_attributes({"pqkit.job": job_id, "pqkit.attempt": attempt, "pqkit.task": task})
        yield span


def ended(outcome: str, error: str | None) -> None:
    """Record in the current span how its run ended."""
    from opentelemetry.trace import get_current_span  # noqa: PLC0415 - see above

    span = get_current_span()
    span.set_attribute("pqkit.outcome", outcome)
    if error is not None:
        _fail(span, error)


def _fail(span: "Span", error: str) -> None:
    from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415 - see above

    span.set_status(Status(StatusCode.ERROR, redact(error)))


def flush() -> None:
    """Send pending spans, before a process ends without its exit handlers."""
    from opentelemetry import trace  # noqa: PLC0415 - see above

    send = getattr(trace.get_tracer_provider(), "force_flush", None)
    if send is not None:
        send()


@contextmanager
def _span(name: str, kind: "SpanKind", told: str | None) -> "Iterator[Span]":
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415 - see above

    context = TraceContextTextMapPropagator().extract({PARENT: told}) if told else None
    # OpenTelemetry would record an exception unredacted, with its secrets.
    with _tracer().start_as_current_span(
        name, context=context, kind=kind, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except Exception as error:
            _fail(span, f"{type(error).__name__}: {error}")
            raise


@cache
def _tracer() -> "Tracer":
    try:
        from opentelemetry import trace  # noqa: PLC0415 - see above
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    except ModuleNotFoundError:
        raise PqkitError(f"traces need OpenTelemetry: {extras.hint('opentelemetry')}") from None
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        trace.set_tracer_provider(_provider())
    return trace.get_tracer("pqkit")


def _provider() -> "TracerProvider":
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider as Provider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter  # noqa: PLC0415

    exporter: SpanExporter
    if os.environ.get("OTEL_TRACES_EXPORTER") == "console":
        exporter = ConsoleSpanExporter(formatter=lambda span: span.to_json(indent=None) + "\n")
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

        exporter = OTLPSpanExporter()
    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "pqkit"}
    provider = Provider(resource=Resource.create(named))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
