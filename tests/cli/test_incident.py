"""What an incident prepares for its operator does what it says when it is typed."""

import shlex
from pathlib import Path

import pytest

from pqkit.domain.outcomes import ended_by
from pqkit.incidents import investigate, snapshot, suggested_commands
from pqkit.incidents.suggested_commands import MANY
from pqkit.queries.time_range import Span
from pqkit.queue import Finished, Queue
from tests.cli.support import Pqkit
from tests.conftest import a_worker


def break_down(queue: Queue, words: str, jobs: int) -> list[int]:
    """So many jobs whose only run fails, each with its own number in the error."""
    ids = queue.enqueue_many("add", [{"n": n} for n in range(jobs)], max_retries=0)
    worker, now = a_worker(queue), queue.database.now()
    claims = worker.exchange([], jobs, alone=True).claims
    ended = [Finished(c, ended_by(c, ValueError(words.format(c.job_id))), now, now) for c in claims]
    worker.exchange(ended, 0, alone=True)
    return ids


@pytest.mark.parametrize(
    "words", ["row {} of 'a b' has no price", "{}", "token=s3cretvalue{} is over", "50 % of {}: a*b [c"]
)
def test_the_prepared_redrive_starts_a_redrive_of_those_jobs(
    pqkit: Pqkit, queue: Queue, tmp_path: Path, words: str
) -> None:
    ids = break_down(queue, words, MANY + 1)
    database = snapshot(queue.database.url, tmp_path)
    (line,) = [
        line
        for line in suggested_commands.commands(investigate(database, Span(0, queue.database.now() + 1)))
        if line.startswith("pqkit redrives start")
    ]
    database.close()
    begun = pqkit(*shlex.split(line)[1:], "--yes")
    assert begun.out == "redrive 1 has begun: pqkit redrives show 1\n", begun.err
    (shown,) = pqkit("redrives", "show", "1", "--json").json
    assert shown["jobs"] == len(ids)


def test_retries_never_exceed_those_that_are_allowed_in_json(pqkit: Pqkit, queue: Queue) -> None:
    (job,) = break_down(queue, "no {}", 1)
    (listed,) = pqkit("jobs", "list", "--json").json
    for found in (listed, pqkit("jobs", "show", job, "--json").json):
        assert (found["state"], found["retries"], found["max_retries"]) == ("unprocessable", 0, 0)
