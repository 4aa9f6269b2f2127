"""Keeping a queue on the command line: prune, archive, back up, restore, copy, drill."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from pqkit import Queue, get_queue
from pqkit.auth import Sessions, Users
from pqkit.errors import NotLoggedIn
from pqkit.queries.audit_history import audit
from pqkit.queue import Leases
from pqkit.security import encryption
from pqkit.security.permissions import Role
from tests.fleet import REPO
from tests.test_retention import ended
from tests.verbs import sql

pytestmark = pytest.mark.usefixtures("add")


def test_an_archive_that_cannot_be_written_keeps_the_jobs(pqkit: Any, queue: Queue, add: Any, worker: Leases) -> None:
    ended(queue, add, worker, 1)
    Path("full").write_text("not a folder")
    refused = pqkit("db", "archive", "full", "--older-than", "0s", "--yes")
    assert refused.is_one_clear_line, refused
    assert audit(queue.database).jobs == 1


def test_the_command_shows_what_it_will_prune_and_asks(pqkit: Any, queue: Queue, add: Any, worker: Leases) -> None:
    ended(queue, add, worker, 3)
    assert pqkit("db", "prune").out == "nothing to prune\n", "the settings keep it for a week"
    assert pqkit("db", "prune", "--older-than", "0", "--yes").is_one_clear_line, "days, or seconds?"
    asked = pqkit("db", "prune", "--older-than", "0s")
    assert asked.code == 2
    assert "completed" in asked.err
    assert audit(queue.database).jobs == 3
    assert "have not ended" in pqkit("db", "prune", "--state", "pending").err
    assert pqkit("db", "prune", "--older-than", "0s", "--queue", "other").out == "nothing to prune\n"
    assert pqkit("db", "archive", "old", "--older-than", "0s", "--yes").out == "pruned 3 jobs, archived in old\n"
    shown = pqkit("audit", "--archive", "old")
    assert shown.code == 0
    assert "3 jobs pruned under seal, 3 of them read from the archive" in shown.out
    found = json.loads(pqkit("audit", "--json").out)
    assert (found["pruned"], found["archived"], found["clean"]) == (3, 0, True)


def test_a_queue_is_backed_up_into_a_folder_and_drilled(pqkit: Any, queue: Queue) -> None:
    queue.enqueue("add", {"a": 1})
    assert "name a file or a folder" in pqkit("db", "backup").err
    assert "is none" in pqkit("db", "backup", "copy.db", "--keep", "2").err
    Path("backups").mkdir()
    done = pqkit("db", "backup", BACKUPS="backups")
    assert "holds 1 job, checked" in done.out
    queue.enqueue("add", {"a": 1})
    drilled = pqkit("drill", BACKUPS="backups")
    assert "came back whole" in drilled.out
    assert "1 job queued, 0 runs ended" in drilled.out
    found = pqkit("drill", "--json").json
    assert (found["jobs"], found["clean"], found["lost"]["queued"]) == (1, True, 1)
    Path("copy.db").write_text("no backup")
    assert pqkit("drill", "copy.db").is_one_clear_line
    assert pqkit("drill", "nowhere.db").is_one_clear_line


def test_a_backup_whose_audit_finds_something_is_kept_and_says_so(pqkit: Any, queue: Queue, worker: Leases) -> None:
    (job,) = ended(queue, "add", worker, 1)
    sql(queue, f"DELETE FROM attempt WHERE job_id = {job}")
    done = pqkit("db", "backup", "copy.db")
    assert done.code == 1
    assert f"job {job}" in done.out
    assert Path("copy.db").exists()


def test_a_backup_is_restored_after_a_question(pqkit: Any, queue: Queue, another_url: str) -> None:
    queue.enqueue("add", {"a": 1})
    assert pqkit("db", "backup", "copy.db").code == 0
    assert pqkit("db", "restore", "copy.db").code == 2
    assert pqkit("db", "restore", "copy.db", "--yes").is_one_clear_line, "it holds jobs"
    done = pqkit("--url", another_url, "db", "restore", "copy.db", "--yes")
    assert "holds 1 job again" in done.out, done
    assert "token" not in done.out
    assert [job["task"] for job in pqkit("jobs", "list", "--json").json] == ["add"]


def test_a_restored_queue_has_no_sessions_and_says_whose_rights_are_back(
    pqkit: Any, queue: Queue, another_url: str
) -> None:
    Users(queue.operator()).add("ada", "correct horse battery", Role.ADMIN)
    session = Sessions(queue.database).login("ada", "correct horse battery", "127.0.0.1")
    assert pqkit("tokens", "add", "then", "--scope", "read").code == 0
    assert pqkit("db", "backup", "copy.db").code == 0
    done = pqkit("--url", another_url, "db", "restore", "copy.db", "--yes")
    assert "1 user and 1 token are as they were then" in " ".join(done.out.split()), done
    there = Sessions(get_queue(another_url).database)
    with pytest.raises(NotLoggedIn):
        there.check(session.secret)
    assert there.login("ada", "correct horse battery", "127.0.0.1")


def test_a_queue_is_copied_by_one_command(pqkit: Any, queue: Queue, url: str) -> None:
    queue.enqueue("add", {"a": 1})
    assert pqkit("db", "copy", url, url).is_one_clear_line
    done = pqkit("db", "copy", url, "sqlite:///moved.db")
    assert "holds all 1 job" in done.out, done
    assert pqkit("db", "copy", url, "sqlite:///moved.db").is_one_clear_line, "it is in use"
    assert pqkit("db", "copy", "sqlite:///moved.db", "sqlite:///again.db", "--json").json["rows"]["job"] == 1
    assert pqkit("--url", "sqlite:///again.db", "audit").code == 0


@pytest.mark.sqlite
def test_the_commands_for_operators_run_as_they_stand(pqkit: Any, queue: Queue) -> None:
    queue.enqueue("add", {"a": 1})
    queue.operator().create_queue("reports")
    assert pqkit("db", "backup", "copy.db").code == 0
    Path("data/files").mkdir(mode=0o700)
    Path("backups").mkdir()
    blocks = re.findall(r"```sh\n(.*?)```", (REPO / "docs" / "operations.md").read_text(), re.DOTALL)
    commands = [line for line in "".join(blocks).splitlines() if line and not line.startswith("mkdir")]
    assert len(commands) >= 15
    for line in commands:
        words = shlex.split(line)
        given = dict(word.removeprefix("PQKIT_").split("=", 1) for word in words if word.startswith("PQKIT_"))
        encryption.forget()
        done = pqkit(*words[len(given) + 1 :], **given)
        assert done.code == 0, (line, done)
    encryption.forget()
