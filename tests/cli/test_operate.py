"""Queues, workers, monitor, files, database and doctor on the command line."""

import getpass
import json
import os
import resource
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
from sqlalchemy import delete, insert

from pqkit.domain.outcomes import completed
from pqkit.models import table
from pqkit.queries import Trace, queues, trail
from pqkit.queue import Finished
from tests.cli.support import PROGRAM, read_screen
from tests.conftest import a_worker
from tests.support import PATIENCE, wait_until


def test_queues_are_created_paused_resumed_listed_and_deleted(pqkit, queue):
    assert pqkit("queues", "create", "images").out == "queue images created\n"
    assert pqkit("queues", "create", "images").out == "queue images is there already\n"
    assert pqkit("queues", "pause", "images", "--reason", "disk full", "--until", "2999-01-01T00:00Z").code == 0
    (found,) = pqkit("queues", "list", "--json").json
    assert (found["pause_reason"], found["paused_until"]) == ("disk full", "2999-01-01T00:00:00Z")
    assert "disk full" in pqkit("queues", "list").out
    assert pqkit("queues", "resume", "images").code == 0
    assert queues(queue.database)[0].paused_at is None
    assert pqkit("queues", "delete", "images").code == 2
    assert pqkit("queues", "delete", "images", "--yes").out == "queue images deleted\n"
    assert queues(queue.database) == []


def test_a_pause_may_end_after_a_length_of_time(pqkit, queue):
    queue.operator().create_queue("images")
    pqkit("queues", "pause", "images", "--until", "30m")
    view = queues(queue.database)[0]
    assert 1700 < (view.paused_until - view.paused_at) / 1_000_000 < 1900


def test_a_queue_with_waiting_jobs_is_not_deleted(pqkit, queue):
    queue.enqueue("add", queue="images")
    refused = pqkit("queues", "delete", "images", "--yes")
    assert refused.is_one_clear_line
    assert "has unfinished jobs" in refused.err


@pytest.mark.parametrize("verb", ["pause", "resume", "delete"])
def test_a_queue_that_is_not_there_is_named_with_those_that_are(pqkit, queue, verb):
    queue.operator().create_queue("images")
    refused = pqkit("queues", verb, "imgaes")
    assert refused.is_one_clear_line
    assert "there are: images" in refused.err


def test_workers_are_listed_from_the_registry(pqkit, queue):
    a_worker(queue, "w1")
    a_worker(queue, "w0").end("stopped")
    (living,) = pqkit("workers", "list", "--json").json
    assert (living["name"], living["slots"], living["tasks"], living["pid"]) == ("w1", 4, ["add"], os.getpid())
    assert "running" in pqkit("workers", "list").out
    assert "ended: stopped" in pqkit("workers", "list", "--all").out


@pytest.mark.sqlite
@pytest.mark.parametrize("arguments", [("scale", "3"), ("stop", "worker_01"), ("restart", "worker_01")])
def test_processes_are_changed_only_where_pqkit_up_runs(pqkit, arguments):
    refused = pqkit("workers", *arguments)
    assert refused.is_one_clear_line
    assert "no `pqkit up` runs in this folder" in refused.err


def test_monitor_prints_one_picture_anywhere(pqkit, queue):
    queue.enqueue("add", queue="images")
    a_worker(queue, "w7")
    shown = pqkit("monitor", "--once").out
    for word in ("1 worker, 0 of 4 slots busy", "1 pending", "images", "w7"):
        assert word in shown
    assert pqkit("monitor").is_one_clear_line


def test_monitor_says_what_is_worst_first(pqkit, queue):
    queue.enqueue("add", queue="images")
    assert "jobs wait and no worker lives" in pqkit("monitor", "--once").out
    a_worker(queue, "w7")
    queue.operator().pause("images")
    assert "jobs wait in paused queues: images" in pqkit("monitor", "--once").out
    with queue.engine.begin() as connection:
        connection.execute(table("worker").update().values(boot_id="another"))
    assert "no heartbeat from w7" in pqkit("monitor", "--once").out


@pytest.mark.sqlite
def test_monitor_leaves_the_terminal_as_it_was_on_ctrl_c(queue, tmp_path):
    screen, terminal = os.openpty()
    child = subprocess.Popen([PROGRAM, "monitor"], cwd=tmp_path, stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    shown = bytearray()
    wait_until(lambda: read_screen(screen, shown) and b"slots busy" in shown, what="the first picture")
    child.send_signal(signal.SIGINT)
    wait_until(lambda: not read_screen(screen, shown), what="the end of the output")
    assert child.wait(PATIENCE) == 0
    assert shown.endswith((b"\x1b[?1049l", b"\x1b[?25h", b"\r\n"))
    assert shown.rindex(b"\x1b[?1049l") > shown.rindex(b"\x1b[?1049h")
    assert b"Traceback" not in shown
    os.close(screen)


def _stamped(queue, folder: Path, name: str, *, age: float = 3600) -> int:
    """A file that a completed job has stamped."""
    job = queue.enqueue("add", {"name": name})
    worker = a_worker(queue)
    (claim,) = worker.exchange([], 1, alone=True).claims
    now = queue.database.now()
    worker.exchange([Finished(claim, completed(None), now, now)], 0, alone=False)
    _write(folder / name, f"2030-01-01T00:00:00.000000Z job={job.id}\ntext", age)
    return job.id


def _write(path: Path, text: str, age: float = 3600) -> None:
    path.write_text(text)
    os.utime(path, (time.time() - age,) * 2)


@pytest.mark.sqlite
def test_files_of_completed_jobs_and_staged_leftovers_are_cleaned_and_nothing_else(pqkit, queue, tmp_path):
    folder = tmp_path / "data" / "files"
    folder.mkdir()
    done = _stamped(queue, folder, "done.txt")
    _stamped(queue, folder, "young.txt", age=0)
    waiting = queue.enqueue("add", {"name": "waiting.txt"}).id
    stamp = "2030-01-01T00:00:00.000000Z job={}\n"
    kept = {
        "waiting.txt": stamp.format(waiting),
        "forged.txt": stamp.format(done),  # its text names a completed job that was about another file
        "unstamped.txt": "text",
        f".waiting.txt.{waiting}-1.staged": "its job may still want it",
    }
    for name, text in kept.items():
        _write(folder / name, text)
    _write(folder / f".done.txt.{done}-1.staged", "left over")
    _write(tmp_path / "outside", stamp.format(done))
    (folder / "link.txt").symlink_to(tmp_path / "outside")
    assert pqkit("files", "clean", "--older-than", "10m").code == 2
    assert (folder / "done.txt").exists()
    cleaned = pqkit("files", "clean", "--older-than", "10m", "--yes", "--reason", "tidy")
    assert cleaned.out == "deleted 2 files from data/files\n"
    (entry,) = trail(queue.database, Trace(verb="clean_files"))
    assert (entry.who, entry.reason, json.loads(entry.detail)) == (getpass.getuser(), "tidy", {"files": 2})
    assert {path.name for path in folder.iterdir()} == {*kept, "young.txt", "link.txt"}
    assert (tmp_path / "outside").exists()
    assert "nothing to clean" in pqkit("files", "clean", "--older-than", "10m").out


@pytest.mark.sqlite
def test_files_whose_job_was_pruned_are_cleaned_too(pqkit, queue, tmp_path):
    folder = tmp_path / "data" / "files"
    folder.mkdir()
    done = _stamped(queue, folder, "done.txt")
    named = _stamped(queue, folder, "named.txt")
    assert pqkit("db", "prune", "--older-than", "0s", "--yes").out == "pruned 2 jobs\n"
    queue.enqueue("stamp_file", {"name": "named.txt"})
    _write(folder / "unknown.txt", "2030-01-01T00:00:00.000000Z job=77\n")
    assert pqkit("files", "clean", "--older-than", "10m", "--yes").out == "deleted 1 file from data/files\n"
    assert {path.name for path in folder.iterdir()} == {"named.txt", "unknown.txt"}, (done, named)


@pytest.mark.sqlite
def test_a_folder_of_files_that_is_a_link_is_not_entered(pqkit, queue, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "data" / "files").symlink_to(tmp_path / "elsewhere")
    assert pqkit("files", "clean", "--older-than", "1s", "--yes").is_one_clear_line


@pytest.mark.sqlite
@pytest.mark.usefixtures("no_database")
def test_the_database_is_made_once_and_checked(pqkit, tmp_path):
    assert pqkit("db", "check").is_one_clear_line
    assert pqkit("db", "upgrade").is_one_clear_line
    assert "is now at schema" in pqkit("db", "init").out
    assert "is already at schema" in pqkit("db", "init").out
    assert "is already at schema" in pqkit("db", "upgrade").out
    assert "is sound" in pqkit("db", "check").out


def test_check_finds_a_job_that_lost_its_place(pqkit, queue):
    queue.enqueue("add")
    assert pqkit("db", "check").code == 0
    with queue.engine.begin() as connection:
        connection.execute(delete(table("ready")))
    found = pqkit("db", "check")
    assert found.code == 1
    assert "1 job not in exactly one place: 1" in found.out
    assert pqkit("doctor").code == 1


@pytest.mark.sqlite
def test_a_backup_is_a_checked_copy_and_overwrites_nothing(pqkit, queue, tmp_path):
    queue.enqueue_many("add", [{}] * 3)
    done = pqkit("db", "backup", "copy.db")
    assert "copy.db holds 3 jobs, checked" in done.out
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    assert len(pqkit("--url", f"sqlite:///{tmp_path}/copy.db", "jobs", "list", "--json").json) == 3
    assert pqkit("db", "backup", "copy.db").is_one_clear_line
    assert pqkit("db", "backup", "nowhere/copy.db").is_one_clear_line


@pytest.mark.sqlite
def test_a_newer_schema_is_refused(pqkit, queue):
    with sqlite3.connect(queue.database.path) as connection:
        connection.execute("UPDATE pqkit_version SET version_num = '9999'")
    for command in (("jobs", "list"), ("enqueue", "add"), ("db", "upgrade"), ("db", "check")):
        refused = pqkit(*command)
        assert refused.is_one_clear_line
        assert "newer than this pqkit" in refused.err


@pytest.mark.sqlite
def test_doctor_finds_a_sound_system_sound(pqkit, queue):
    found = pqkit("doctor", "--json")
    assert found.code == 0
    assert {finding["level"] for finding in found.json} <= {"ok", "warn"}
    assert {"settings", "driver", "grace", "disk", "file system", "schema", "places", "workers", "served"} <= {
        finding["check"] for finding in found.json
    }
    assert "every job is in exactly one place" in pqkit("doctor").out


@pytest.mark.sqlite
def test_doctor_says_what_is_wrong_and_what_mends_it(pqkit, queue, tmp_path):
    (tmp_path / "data").chmod(0o755)
    queue.database.path.chmod(0o644)
    queue.enqueue("add", queue="sums")
    a_worker(queue, "w1", ("mul",))
    with queue.engine.begin() as connection:
        connection.execute(table("worker").update().values(boot_id="another"))
    (tmp_path / "supervisor").mkdir()
    (tmp_path / "supervisor" / "supervisord.conf").write_text("[program:worker]\nstopwaitsecs = 5\n")
    found = pqkit("doctor", "--json", SUPERVISOR="supervisor")
    assert found.code == 1
    wrong = {finding["check"]: finding for finding in found.json if finding["level"] != "ok"}
    assert {"modes", "workers", "served", "grace"} <= set(wrong)
    assert "w1" in wrong["workers"]["found"]
    assert "1 job of add in queue sums" in wrong["served"]["found"]
    assert wrong["grace"]["level"] == "fail"
    assert any(finding["mend"].startswith("chmod 600") for finding in found.json)


@pytest.mark.sqlite
@pytest.mark.usefixtures("no_database")
def test_doctor_names_the_command_that_makes_a_missing_database(pqkit):
    found = pqkit("doctor", "--json")
    assert found.code == 1
    assert ("schema", "pqkit db init") in {(finding["check"], finding["mend"]) for finding in found.json}


@pytest.mark.sqlite
@pytest.mark.usefixtures("no_database")
@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        (("nosuch",), {}, "No such command"),
        (("--url", "redis://x", "jobs", "list"), {}, "no back end"),
        (("--url", "sqlite:///OTHER", "jobs", "list"), {}, "not a database"),
        (("jobs", "list"), {"SLOTS": "many"}, "PQKIT_SLOTS"),
        (("jobs", "list"), {}, "pqkit db init"),
        (("files", "clean"), {}, "--older-than"),
    ],
)
def test_whatever_is_wrong_is_one_clear_line(pqkit, tmp_path, arguments, settings, said):
    (tmp_path / "other.txt").write_text("a text file of something else " * 100)
    where = [str(argument).replace("OTHER", f"{tmp_path}/other.txt") for argument in arguments]
    refused = pqkit(*where, **settings)
    assert refused.is_one_clear_line, refused
    assert said in refused.err


@pytest.mark.parametrize("words", [("jobs", "show"), ("why",), ("jobs", "cancel", "--yes")])
def test_a_job_number_beyond_any_database_is_refused_in_one_line(pqkit, queue, words):
    assert pqkit(*words, "9" * 30).is_one_clear_line


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("file", "content"),
    [("pyproject.toml", b"[tool.pqkit"), ("pyproject.toml", b"\xff\xfe"), (".env", b"\xff\xfe")],
)
def test_a_settings_file_that_cannot_be_read_is_named_in_one_line(pqkit, tmp_path, file, content):
    (tmp_path / file).write_bytes(content)
    refused = pqkit("jobs", "list")
    assert refused.is_one_clear_line, refused
    assert file in refused.err


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("setting", "value"), [("HEARTBEAT", "60"), ("RESCUE_AFTER", "2"), ("GRACE", "inf"), ("PRODUCER_EVERY", "nan")]
)
def test_times_under_which_no_worker_could_live_are_refused(pqkit, setting, value):
    refused = pqkit("jobs", "list", **{setting: value})
    assert refused.is_one_clear_line, refused
    assert setting in refused.err or "RESCUE_AFTER" in refused.err


@pytest.mark.sqlite
def test_a_task_module_that_ends_its_program_is_named_in_one_line(pqkit, tmp_path):
    (tmp_path / "script_that_exits.py").write_text("raise SystemExit(3)")
    refused = pqkit("worker", "--tasks", "script_that_exits")
    assert refused.is_one_clear_line, refused
    assert "script_that_exits" in refused.err


@pytest.mark.sqlite
def test_a_backup_that_finds_no_room_is_refused_in_one_line_and_leaves_no_half_copy(pqkit, queue, tmp_path):
    queue.enqueue_many("t", [{"text": "x" * 1_000}] * 200)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, limits[1]))
    try:
        refused = pqkit("db", "backup", "copy.db")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert refused.is_one_clear_line, refused
    assert not (tmp_path / "copy.db").exists()
    assert pqkit("db", "backup", "copy.db").code == 0


@pytest.mark.sqlite
def test_help_names_every_command_in_its_panel(pqkit):
    shown = pqkit("--help").out
    commands = [
        "up",
        "worker",
        "producer",
        "dashboards",
        "init",
        "enqueue",
        "jobs",
        "queues",
        "monitor",
        "doctor",
        "workers",
        "files",
        "db",
    ]
    assert [word for word in ("Run", "Jobs", "Operate", "Database", *commands) if word not in shown] == []
    assert pqkit("--version").out.startswith("pqkit ")


def test_forecasts_are_told_with_their_interval_and_their_score(pqkit, queue):
    assert pqkit("forecast").out.startswith("No forecast")
    now = queue.database.now()
    rows = [("a", now, 50, now, now + 300_000_000, None), ("b", now, 70, None, None, None)]
    with queue.engine.begin() as connection:
        for row in rows:
            values = dict(zip(("queue", "at", "pending", "earliest", "likely", "latest"), row, strict=True))
            connection.execute(insert(table("forecast")).values(values))
        connection.execute(insert(table("forecast")).values({**values, "decided_at": now, "hit": 1}))
    said = pqkit("forecast").out
    for words in (
        "in about 5 min",
        "to never)",
        "will not drain at this rate",
        "Of the last 1 forecasts 100% came true",
    ):
        assert words in said
    found = pqkit("forecast", "--json").json
    assert [each["queue"] for each in found["forecasts"]] == ["a", "b"]
    assert found["forecasts"][0]["likely_at"].endswith("Z")
