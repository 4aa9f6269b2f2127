"""OpenTelemetry: a run is a span of the trace in which its job was queued; without the setting nothing is there."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

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


def spans(text: str) -> list[dict[str, Any]]:
    """The spans among the lines that a process has printed."""
    return [json.loads(line) for line in text.splitlines() if line.startswith('{"name"')]


def test_a_run_belongs_to_the_trace_of_its_producer(queue: Queue, url: str, tmp_path: Path) -> None:
    (tmp_path / "traced.py").write_text(TASKS)
    environment = {**os.environ, "PQKIT_URL": url, "PQKIT_TRACES": "true", "OTEL_TRACES_EXPORTER": "console"}
    produced = subprocess.run(
        [sys.executable, "-c", PRODUCER], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    log = tmp_path / "log"
    with log.open("w") as out:
        worker = subprocess.Popen(
            [sys.executable, "-m", "pqkit", "worker", "--tasks", "traced"],
            env=environment,
            cwd=tmp_path,
            stdout=out,
            stderr=out,
        )
    try:
        wait_until(lambda: sum(queries.counts(queue.database)[state] for state in _ENDED) == 3, what="three ends")
    finally:
        worker.terminate()
        worker.wait(PATIENCE)
    queued = {span["name"]: span for span in spans(produced.stdout)}
    runs = {span["attributes"]["pqkit.job"]: span for span in spans(log.read_text())}
    assert queued.keys() == {"enqueue plain", "enqueue waiting"}
    traces = {span["context"]["span_id"]: span["context"]["trace_id"] for span in spans(produced.stdout)}
    for job_id, name, outcome in ((1, "plain", "completed"), (2, "plain", "failed"), (3, "waiting", "completed")):
        run = runs[job_id]
        assert (run["name"], run["attributes"]["pqkit.outcome"]) == (f"run {name}", outcome)
        assert run["context"]["trace_id"] == traces[run["parent_id"]]
        if outcome == "completed":  # the handler itself stands in that trace
            assert f"0x{queue.job(job_id).result(PATIENCE)}" == run["context"]["trace_id"]
    assert runs[2]["status"] == {"status_code": "ERROR", "description": "ValueError: no"}


_ENDED = (JobState.COMPLETED, JobState.UNPROCESSABLE)


def test_without_the_setting_nothing_is_written_for_traces(queue: Queue) -> None:
    queue.enqueue("add")
    assert type(queue) is Queue
    assert sql(queue, "SELECT job_id FROM job_trace") == []
