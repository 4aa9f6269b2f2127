"""``pqkit enqueue`` in a shell."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from pqkit import Queue
from pqkit.queries import counts, job
from tests.cli.support import PROGRAM, Pqkit
from tests.support import PATIENCE

TASKS = """
from pqkit import task

@task(queue="images", max_retries=1)
def thumbnail(path: str, width: int = 200) -> None: ...
"""


def test_values_are_json_where_they_parse_and_text_otherwise(pqkit, queue):
    done = pqkit("enqueue", "t", "--arg", "path=a.png", "--arg", "width=100", "--arg", 'tags=["x"]', "--arg", "eq=a=b")
    assert done.out == "job 1 queued\n"
    assert json.loads(job(queue.database, 1).job.args) == {"path": "a.png", "width": 100, "tags": ["x"], "eq": "a=b"}


@pytest.mark.sqlite
def test_the_first_enqueue_makes_the_database(program, tmp_path):
    assert program("enqueue", "t").code == 0
    assert (tmp_path / "data" / "queue.db").stat().st_mode & 0o777 == 0o600


def test_options_go_with_the_job(pqkit, queue):
    options = ("--queue", "q", "--priority", "-3", "--delay", "5m", "--max-retries", "0", "--timeout", "30s")
    done = pqkit("enqueue", "t", "--args", '{"a": 1}', "--unique-key", "k", *options, "--json")
    assert done.json == {"id": 1, "existing": False}
    detail = job(queue.database, 1)
    view = detail.job
    assert (view.queue, view.priority, view.max_retries, detail.timeout) == ("q", -3, 0, 30.0)
    assert (view.state, detail.unique_key) == ("scheduled", "k")
    assert 200 < (view.due_at - view.created_at) / 1_000_000 < 400


def test_a_taken_unique_key_shows_the_job_that_has_it(pqkit):
    pqkit("enqueue", "t", "--unique-key", "k")
    assert pqkit("enqueue", "t", "--unique-key", "k", "--json").json == {"id": 1, "existing": True}


def test_a_moment_is_given_with_its_offset(pqkit, queue):
    assert pqkit("enqueue", "t", "--run-at", "2999-01-01T00:00+01:00").code == 0
    assert job(queue.database, 1).job.due_at == 32472140400 * 1_000_000
    assert "needs its offset" in pqkit("enqueue", "t", "--run-at", "2999-01-01T00:00").err


@pytest.mark.sqlite
def test_the_task_s_own_policy_and_signature_hold_where_its_module_is_named(program, queue, tmp_path):
    (tmp_path / "mytasks.py").write_text(TASKS)
    assert program("enqueue", "thumbnail", "--arg", "path=a.png", TASKS="mytasks").code == 0
    view = job(queue.database, 1).job
    assert (view.queue, view.max_retries) == ("images", 1)
    refused = program("enqueue", "thumbnail", "--arg", "path=a", "--arg", "width=wide", TASKS="mytasks")
    assert refused.is_one_clear_line
    assert "'width'" in refused.err
    assert "waits for a worker that knows it" in program("enqueue", "thumbnial", TASKS="mytasks").err
    assert "cannot import" in program("enqueue", "thumbnail", TASKS="nosuchmodule").err


def test_each_line_of_standard_input_is_a_job(pqkit, queue):
    lines = "\n".join(json.dumps({"n": number}) for number in range(2500)) + "\n\n"
    done = pqkit("enqueue", "t", "--lines", "--queue", "q", stdin=lines.encode())
    assert done.out == "2500 jobs queued\n"
    assert json.loads(job(queue.database, 2500).job.args) == {"n": 2499}
    assert pqkit("enqueue", "t", "--lines", "--json", stdin=b'{"n": 1}').json == {"ids": [2501]}


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("{bad", "line 1002 is not JSON"),
        ("[1]", "line 1002 must be a JSON object"),
        ('{"a": 1e999}', "line 1002 is not JSON that can be read: 1e999 would become inf"),
        (b'{"a": "\xff"}', "line 1002: args.a has a NUL or a lone surrogate"),
    ],
)
def test_a_bad_line_is_named_and_what_was_queued_before_it_is_said(pqkit: Pqkit, queue, bad, said):
    bad = bad if isinstance(bad, bytes) else bad.encode()
    done = pqkit("enqueue", "t", "--lines", stdin=b'{"n": 1}\n' * 1001 + bad + b"\n")
    assert done.is_one_clear_line
    assert said in done.err
    assert "lines up to 1000 are queued" in done.err
    assert pqkit("queues", "list", "--json").json[0]["pending"] == 1000


BAD = [
    ("--arg", "x"),
    ("--arg", "=1"),
    ("--arg", "a=1", "--arg", "a=2"),
    ("--arg", "a=1", "--args", "{}"),
    ("--args", "[1]"),
    ("--args", "{"),
    ("--args", "[" * 100_000),
    ("--args", '{"a": NaN}'),
    ("--delay", "-3"),
    ("--delay", "soon"),
    ("--delay", "3s", "--run-at", "2999-01-01T00:00Z"),
    ("--run-at", "tomorrow"),
    ("--priority", "99999"),
    ("--max-retries", "-1"),
    ("--timeout", "0"),
    ("--queue", "bad\nname"),
    ("--unique-key", ""),
    ("--lines", "--arg", "a=1"),
    ("--lines", "--unique-key", "k"),
    ("--bogus",),
]


def test_bad_input_is_one_clear_line_and_queues_nothing(pqkit, queue):
    for arguments in BAD:
        answer = pqkit("enqueue", "t", *arguments)
        assert answer.is_one_clear_line, (arguments, answer)
    assert sum(counts(queue.database).values()) == 0


@pytest.mark.sqlite
def test_what_is_logged_beside_a_command_is_not_in_its_answer(queue: Queue, url: str, tmp_path: Path) -> None:
    with queue.database.write():
        waiting = subprocess.Popen(
            [PROGRAM, "enqueue", "t", "--json"],
            cwd=tmp_path,
            env={**os.environ, "PQKIT_URL": url},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert waiting.stderr
        assert "waiting for the write lock" in waiting.stderr.readline()
    answer, _ = waiting.communicate(timeout=PATIENCE)
    assert json.loads(answer)["id"] == 1
