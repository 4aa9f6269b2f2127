"""OpenTelemetry: spans of enqueues and of runs, joined by what the producer leaves with the job. Off by default.

Nothing here is imported where the setting ``traces`` is off. Where the program has made a tracer provider of its own,
that one is used; otherwise OpenTelemetry's own variables say where spans go (``OTEL_EXPORTER_OTLP_ENDPOINT``; with
``OTEL_TRACES_EXPORTER=console`` to standard output).
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
    """The current span in the words of W3C's trace context; None where nothing is traced."""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415 - see above

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(PARENT)


@contextmanager
def enqueuing(task: str) -> Iterator[None]:
    """A span for who queues."""
    from opentelemetry.trace import SpanKind  # noqa: PLC0415 - see above

    with _span(f"enqueue {task}", SpanKind.PRODUCER, None):
        yield


@contextmanager
def running(task: str, job_id: int, attempt: int, told: str | None) -> "Iterator[Span]":
    """A span for a run, of the trace that the producer's ``parent`` told of."""
    from opentelemetry.trace import SpanKind  # noqa: PLC0415 - see above

    with _span(f"run {task}", SpanKind.CONSUMER, told) as span:
        span.set_attributes({"pqkit.job": job_id, "pqkit.attempt": attempt, "pqkit.task": task})
        yield span


def ended(outcome: str, error: str | None) -> None:
    """Say in the current span how its run ended."""
    from opentelemetry.trace import get_current_span  # noqa: PLC0415 - see above

    span = get_current_span()
    span.set_attribute("pqkit.outcome", outcome)
    if error is not None:
        _fail(span, error)


def _fail(span: "Span", error: str) -> None:
    from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415 - see above

    span.set_status(Status(StatusCode.ERROR, redact(error)))


def flush() -> None:
    """Send what is not sent yet: before a process ends without its exit handlers."""
    from opentelemetry import trace  # noqa: PLC0415 - see above

    send = getattr(trace.get_tracer_provider(), "force_flush", None)
    if send is not None:
        send()


@contextmanager
def _span(name: str, kind: "SpanKind", told: str | None) -> "Iterator[Span]":
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415 - see above

    context = TraceContextTextMapPropagator().extract({PARENT: told}) if told else None
    # OpenTelemetry would write an exception down as it is, with its secrets.
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
