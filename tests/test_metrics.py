"""What Prometheus reads."""

import json
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pqkit import Queue, Task
from pqkit.api.metrics import MOST_QUEUES, OTHERS, Meter
from pqkit.queries.prometheus_counters import WIDEST
from pqkit.queue import Leases
from pqkit.security.permissions import Scope
from tests.rest import client_of, service, token
from tests.support import wait_until
from tests.verbs import claim_one, complete, fail, sql

GRAFANA = Path(__file__).parent.parent / "docs" / "grafana.json"
Numbers = dict[str, dict[tuple[str, ...], float]]


def numbers(text: str) -> Numbers:
    """Every sample by name and the values of its labels, which come sorted by their names."""
    found: Numbers = defaultdict(dict)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name][tuple(sample.labels.values())] = sample.value
    return found


def scrape(queue: Queue) -> str:
    with client_of(queue, Scope.READ) as client:
        answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return answer.text


@pytest.fixture
def busy(queue: Queue, worker: Leases) -> Queue:
    """A job waits, one has ended, one is to be retried, and what they came to is handed in."""
    for _ in range(3):
        queue.enqueue("add", queue="images")
    complete(worker, queue, claim_one(worker))
    fail(worker, queue, claim_one(worker))
    worker.beat()
    return queue


def test_the_text_says_what_is_there(busy: Queue) -> None:
    busy.operator().pause("images")
    found = numbers(scrape(busy))
    assert found["pqkit_jobs"]["completed",] == 1
    assert {state: found["pqkit_queue_jobs"]["images", state] for state in ("pending", "retrying")} == {
        "pending": 1,
        "retrying": 1,
    }
    assert found["pqkit_runs_total"] == {("completed", "images"): 1, ("failed", "images"): 1}
    assert found["pqkit_run_seconds_count"]["images",] == found["pqkit_wait_seconds_count"]["images",] == 2
    assert found["pqkit_run_seconds_bucket"]["+Inf", "images"] == 2
    assert found["pqkit_workers"]["running",] == 1
    assert found["pqkit_slots"][()] == 4
    assert found["pqkit_queue_paused"]["images",] == 1


def test_counters_never_fall_while_roll_ups_are_merged_and_forgotten(
    busy: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = busy.database.now()
    meter = Meter(busy.database)
    for hours in (0, 1, 2, 4, 9, 24 * 8, 24 * 100):
        monkeypatch.setattr(busy.database, "now", lambda hours=hours: now + hours * WIDEST)
        for _ in range(4):
            busy.upkeep().merge_rollups()
        counted = meter._counted()["images"]
        assert (counted.counts["completed"], counted.runs.total()) == (1, 2)
    assert sql(busy, "SELECT id FROM rollup") == []


def test_many_queues_make_no_more_labels(queue: Queue) -> None:
    for number in range(MOST_QUEUES + 5):
        queue.enqueue("add", queue=f"queue {number:03}")
    found = numbers(scrape(queue))["pqkit_queue_jobs"]
    assert len({queue for queue, _ in found}) == MOST_QUEUES + 1
    assert found[OTHERS, "pending"] == 5


def test_names_cannot_forge_a_line(queue: Queue) -> None:
    queue.enqueue("add", queue='a"} 1 # {\\')
    assert numbers(scrape(queue))["pqkit_queue_jobs"]['a"} 1 # {\\', "pending"] == 1


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool comes with Debian's prometheus")
def test_promtool_has_nothing_to_say(busy: Queue, url: str, tmp_path: Path, add: Task[..., int]) -> None:
    with service(url, tmp_path) as address:
        headers = {"Authorization": f"Bearer {token(busy, Scope.READ)}"}

        def text() -> str:
            with urlopen(Request(f"{address}/metrics", headers=headers)) as answer:
                return str(answer.read().decode())

        wait_until(lambda: "pqkit_commit_seconds" in text(), what="the first sample")
        shown = text()
    done = subprocess.run(["promtool", "check", "metrics"], input=shown, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    used = {name for panel in _panels() for target in panel["targets"] for name in _metrics(target["expr"])}
    unknown = set() if url.startswith("sqlite") else {"pqkit_log_bytes", "pqkit_disk_free_bytes"}
    assert used - unknown <= set(re.findall(r"^(\w+)", shown, re.MULTILINE))


def _panels() -> Iterator[dict[str, list[dict[str, str]]]]:
    yield from json.loads(GRAFANA.read_text())["panels"]


def _metrics(expression: str) -> list[str]:
    return re.findall(r"pqkit_\w+", expression)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool comes with Debian's prometheus")
@pytest.mark.sqlite
def test_promtool_finds_what_is_wrong(queue: Queue) -> None:
    wrong = scrape(queue).replace("_seconds", "_minutes")
    done = subprocess.run(["promtool", "check", "metrics"], input=wrong, capture_output=True, text=True, check=False)
    assert done.returncode != 0


@pytest.mark.sqlite
def test_the_dashboard_is_what_its_script_writes() -> None:
    import runpy

    written = runpy.run_path(str(GRAFANA.with_suffix(".py")))["dashboard"]()
    assert json.loads(GRAFANA.read_text()) == written
