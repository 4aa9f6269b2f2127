"""``pqkit jobs``: lists, one job, and acting on jobs after a preview and a question."""

import os
import pty
import subprocess

import pytest

from pqkit.domain.outcomes import completed, ended_by
from pqkit.domain.states import JobState
from pqkit.queries import Filter, ids, job
from pqkit.queue import Finished
from tests.cli.support import PROGRAM, read_screen
from tests.conftest import a_worker
from tests.support import PATIENCE, wait_until


@pytest.fixture
def seeded(queue):
    """Job 1 is completed, 2 unprocessable (its error holds a terminal's escape), 3 processing, 4 and 5 pending."""
    for number in range(1, 6):
        queue.enqueue("add", {"n": number}, queue="sums", max_retries=0)
    worker = a_worker(queue)
    claims = worker.exchange([], 3, alone=True).claims
    now = queue.database.now()
    ends = (completed({"sum": 3}), ended_by(claims[1], ValueError("wrong \x1b[31m[red]number")))
    worker.exchange([Finished(c, end, now, now) for c, end in zip(claims, ends, strict=False)], 0, alone=False)
    return queue


def test_a_list_shows_state_queue_task_and_error_and_steers_no_terminal(pqkit, seeded):
    shown = pqkit("jobs", "list")
    assert [line.split()[0] for line in shown.out.splitlines()[2:]] == ["5", "4", "3", "2", "1"]
    assert r"ValueError: wrong \x1b[31m[red]number" in shown.out
    assert "\x1b" not in shown.out


def test_a_list_as_json_has_times_as_iso_and_arguments_as_json(pqkit, seeded):
    (found,) = pqkit("jobs", "list", "--state", "completed", "--queue", "sums", "--json").json
    assert (found["id"], found["state"], found["args"], found["worker"]) == (1, "completed", {"n": 1}, "w1")
    assert found["finished_at"].endswith("Z")


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--state", "pending", "--state", "processing"), [3, 5, 4]),
        (("--task", "sub"), []),
        (("--text", '"n":4'), [4]),
        (("--error", "wrong"), [2]),
        (("--older-than", "1h"), []),
        (("--newer-than", "1h", "--limit", "2"), [5, 4]),
    ],
)
def test_filters_narrow_a_list(pqkit, seeded, options, found):
    assert [row["id"] for row in pqkit("jobs", "list", *options, "--json").json] == found


def test_failed_lists_what_waits_for_review(pqkit, seeded):
    assert [row["id"] for row in pqkit("jobs", "failed", "--json").json] == [2]
    assert "ValueError" in pqkit("jobs", "failed").out


def test_show_tells_everything_about_a_job(pqkit, seeded):
    shown = pqkit("jobs", "show", 2)
    assert shown.code == 0
    assert "Traceback" not in shown.err
    for word in ("unprocessable", "sums", '{"n":2}', "w1", "error of run 1:"):
        assert word in shown.out
    found = pqkit("jobs", "show", 1, "--json").json
    assert found["result"] == {"sum": 3}
    assert [run["outcome"] for run in found["attempts"]] == ["completed"]


def test_resubmit_runs_ended_jobs_again_and_puts_the_reason_on_record(pqkit, seeded):
    done = pqkit("jobs", "resubmit", "--state", "unprocessable", "--reason", "fixed", "--yes")
    assert done.out == "resubmit: 1 job changed, 0 refused\n"
    detail = job(seeded.database, 2)
    assert detail.job.state is JobState.PENDING
    assert [(act.verb, act.reason) for act in detail.actions] == [("resubmit", "fixed")]


def test_cancel_says_which_jobs_it_left_alone_and_exits_with_1(pqkit, seeded):
    done = pqkit("jobs", "cancel", 1, 4, 77, "--yes", "--json")
    assert done.code == 1
    assert done.json["changed"] == [4]
    assert set(done.json["refused"]) == {"1", "77"}
    assert "job 77 refused: there is no such job" in pqkit("jobs", "cancel", 77, "--yes").out


def test_ids_and_filters_together_change_only_what_both_name(pqkit, seeded):
    assert pqkit("jobs", "cancel", 1, 5, "--state", "pending", "--yes", "--json").json["changed"] == [5]
    assert ids(seeded.database, Filter(states=(JobState.PENDING,)), 9) == [4]


def test_mark_failed_and_delete_change_the_jobs_that_a_filter_names(pqkit, seeded):
    assert pqkit("jobs", "mark-failed", "--state", "pending", "--limit", 1, "--yes", "--json").json["changed"] == [5]
    assert sorted(
        pqkit("jobs", "delete", "--state", "failed", "--state", "completed", "--yes", "--json").json["changed"]
    ) == [1, 5]
    assert ids(seeded.database, Filter(), 9) == [4, 3, 2]


def test_assign_wants_a_living_worker_unless_told_otherwise(pqkit, seeded):
    assert pqkit("jobs", "assign", 4, "--worker", "nobody").is_one_clear_line
    assert pqkit("jobs", "assign", 4, "--worker", "nobody", "--yes").code == 0
    assert job(seeded.database, 4).job.assigned_to == "nobody"
    assert pqkit("jobs", "assign", 4, "--anyone", "--yes").code == 0
    assert job(seeded.database, 4).job.assigned_to is None


def test_a_filter_that_finds_nothing_changes_nothing(pqkit, seeded):
    assert pqkit("jobs", "cancel", "--task", "sub").out == "cancel: 0 jobs changed, 0 refused\n"


def test_without_a_terminal_nothing_is_changed_before_yes_is_said(pqkit, seeded):
    asked = pqkit("jobs", "cancel", "--queue", "sums")
    assert asked.code == 2
    assert "5 jobs: 2 pending, 1 processing, 1 completed, 1 unprocessable" in asked.err
    assert "will be refused: 1 completed" in asked.err
    assert "--yes" in asked.err
    assert len(ids(seeded.database, Filter(states=(JobState.PENDING,)), 9)) == 2


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("answer", "code", "state"), [(b"n\n", 1, "pending"), (b"y\n", 0, "canceled"), (b"\x03", 130, "pending")]
)
def test_a_person_is_asked_after_a_preview(seeded, tmp_path, answer, code, state):
    child, screen = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.execv(PROGRAM, [PROGRAM, "jobs", "cancel", "4"])
    shown = bytearray()
    wait_until(lambda: read_screen(screen, shown) and b"[y/N]" in shown, what="the question")
    os.write(screen, answer)
    wait_until(lambda: not read_screen(screen, shown), what="the end")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == code, shown
    assert b"1 job: 1 pending" in shown
    assert b"Traceback" not in shown
    assert job(seeded.database, 4).job.state == state
    os.close(screen)


BAD = [
    ("list", "--state", "done"),
    ("list", "--older-than", "yesterday"),
    ("list", "--limit", "0"),
    ("show", "99"),
    ("show", "x"),
    ("cancel",),
    ("cancel", "x"),
    ("assign", "4"),
    ("assign", "4", "--worker", "w1", "--anyone"),
    ("nosuch",),
]


def test_bad_input_is_one_clear_line(pqkit, queue):
    for arguments in BAD:
        answer = pqkit("jobs", *arguments)
        assert answer.is_one_clear_line, (arguments, answer)


@pytest.mark.sqlite
def test_a_closed_pipe_ends_a_list_quietly(queue, tmp_path):
    queue.enqueue_many("add", [{"text": "x" * 200}] * 1000)
    listing = subprocess.Popen(
        [PROGRAM, "jobs", "list", "--limit", "1000"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    listing.stdout.close()  # long before it has anything to say
    assert listing.wait(PATIENCE) == 1
    assert listing.stderr.read() == b""
    listing.stderr.close()


def test_a_very_long_name_leaves_id_and_state_readable(pqkit, queue):
    queue.enqueue("t" * 190, {}, queue="q" * 190)
    head, _, row = pqkit("jobs", "list").out.splitlines()
    assert head.split()[:2] == ["id", "state"]
    assert row.split()[:2] == ["1", "pending"]
