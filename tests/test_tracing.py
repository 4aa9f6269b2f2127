"""OpenTelemetry: a run is a span of the trace in which its job was queued; without the setting nothing is there."""

import gzip
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from pqkit import JobState, Queue, queries
from tests.support import PATIENCE, wait_until
from tests.verbs import sql

TASKS = """
from opentelemetry import trace
from pqkit import task

@task
def plain(how="well"):
    if how != "well":
        raise ValueError("no")
    return format(trace.get_current_span().get_span_context().trace_id, "032x")

@task
async def waiting():
    return format(trace.get_current_span().get_span_context().trace_id, "032x")
"""
PRODUCER = """
import asyncio
from pqkit import get_queue
queue = get_queue()
queue.enqueue("plain")
queue.enqueue_many("plain", [{"how": "badly"}], max_retries=0)
asyncio.run(queue.enqueue_async("waiting"))
queue.close()
"""


class Collector(ThreadingHTTPServer):
    """What an OpenTelemetry collector is to pqkit: it takes spans by OTLP over HTTP, and keeps them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receive)
        self.spans: list[Span] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class Receive(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        assert isinstance(self.server, Collector)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.server.spans += [span for scope in resource.scope_spans for span in scope.spans]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """It has nothing to say."""


def test_a_run_belongs_to_the_trace_of_its_producer(queue: Queue, url: str, tmp_path: Path) -> None:
    (tmp_path / "traced.py").write_text(TASKS)
    with Collector() as collector:
        endpoint = f"http://127.0.0.1:{collector.server_port}"
        settings = {"PQKIT_URL": url, "PQKIT_TRACES": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
        environment = {**os.environ, **settings}
        subprocess.run([sys.executable, "-c", PRODUCER], env=environment, cwd=tmp_path, check=True)
        command = [sys.executable, "-m", "pqkit", "worker", "--tasks", "traced"]
        worker = subprocess.Popen(command, env=environment, cwd=tmp_path)
        try:
            wait_until(lambda: sum(queries.counts(queue.database)[state] for state in _ENDED) == 3, what="three ends")
        finally:
            worker.terminate()
            worker.wait(PATIENCE)
    queued = {span.span_id: span for span in collector.spans if span.kind == Span.SPAN_KIND_PRODUCER}
    assert sorted(span.name for span in queued.values()) == ["enqueue plain", "enqueue plain", "enqueue waiting"]
    runs = {attributes(span)["pqkit.job"]: span for span in collector.spans if span.kind == Span.SPAN_KIND_CONSUMER}
    for job_id, name, outcome in ((1, "plain", "completed"), (2, "plain", "failed"), (3, "waiting", "completed")):
        run = runs[job_id]
        assert (run.name, attributes(run)["pqkit.outcome"]) == (f"run {name}", outcome)
        assert run.trace_id == queued[run.parent_span_id].trace_id
        if outcome == "completed":  # the handler itself stands in that trace
            assert queue.job(job_id).result(PATIENCE) == run.trace_id.hex()
    assert (runs[2].status.code, runs[2].status.message) == (Status.STATUS_CODE_ERROR, "ValueError: no")


def attributes(span: Span) -> dict[str, Any]:
    return {each.key: each.value.int_value or each.value.string_value for each in span.attributes}


_ENDED = (JobState.COMPLETED, JobState.UNPROCESSABLE)


def test_without_the_setting_nothing_is_written_for_traces(queue: Queue) -> None:
    queue.enqueue("add")
    assert type(queue) is Queue
    assert sql(queue, "SELECT job_id FROM job_trace") == []
