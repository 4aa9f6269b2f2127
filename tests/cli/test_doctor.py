"""Each thing that is known to go wrong is provoked: the doctor finds it and names what mends it."""

import os
import re
import shutil
import time
from collections import namedtuple
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer

from pqkit import Fail, Queue, project_template
from pqkit.backup.backup_folder import name_for
from pqkit.cli import doctor
from pqkit.cli.commands import app
from pqkit.cli.doctor import postgresql_checks, sqlite_checks
from pqkit.db import connect, system_clock
from pqkit.db.postgresql import PostgresDatabase, server_health
from pqkit.db.sqlite import filesystem
from pqkit.db.sqlite.driver import DriverVersion
from pqkit.demo.tasks import clean_files, stamp_file
from pqkit.security import encryption
from pqkit.settings import settings
from tests.conftest import a_worker
from tests.postgres import Server
from tests.support import free_port, wait_until
from tests.test_encryption import Keys, keys
from tests.test_retention import age, ended
from tests.verbs import sql

assert keys
Usage = namedtuple("Usage", "total used free")  # noqa: PYI024 - as shutil's own
HOUR = 3_600


def found(pqkit: Any, check: str, **given: str) -> list[tuple[str, str, str]]:
    """(level, found, mend) of what is not well in one check."""
    told = pqkit("doctor", "--json", **given).json
    return [(one["level"], one["found"], one["mend"]) for one in told if one["check"] == check and one["level"] != "ok"]


def test_a_sound_queue_has_no_finding(pqkit: Any, queue: Queue) -> None:
    told = pqkit("doctor", "--json").json
    checks = {one["check"] for one in told}
    assert {"places", "workers", "served", "queues", "due", "keys", "backups", "retention", "clock"} <= checks
    # The tests' server writes nothing to its disk on purpose.
    assert [one for one in told if one["level"] == "fail" and one["check"] != "durability"] == []


def test_a_copy_of_the_consoles_of_another_version_is_named(pqkit: Any, queue: Queue, tmp_path: Path) -> None:
    copy = shutil.copytree(project_template.root() / "dashboards", tmp_path / "dashboards")
    assert found(pqkit, "pages", DASHBOARDS=str(copy)) == []
    with (copy / "request_guard.py").open("a") as file:
        file.write("# of an earlier release")
    ((level, said, mend),) = found(pqkit, "pages", DASHBOARDS=str(copy))
    assert (level, "in 1 modules, such as request_guard.py" in said) == ("warn", True)
    assert "leave the setting dashboards out" in mend


@pytest.mark.sqlite
def test_a_library_that_loses_commits_is_named(pqkit: Any, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_checks, "driver_version", lambda: DriverVersion("sqlite3", "3.45.0", safe=False))
    ((level, said, mend),) = found(pqkit, "driver")
    assert (level, mend) == ("warn", "pip install 'pysqlite3>=0.6.1'")
    assert "3.45.0" in said


@pytest.mark.sqlite
@pytest.mark.parametrize(("free", "level"), [(500 * 1024**2, "warn"), (50 * 1024**2, "fail")])
def test_a_disk_that_fills_up_is_named(
    pqkit: Any, queue: Queue, monkeypatch: pytest.MonkeyPatch, free: int, level: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12 - free, free))
    ((said, _, mend),) = found(pqkit, "disk")
    assert said == level
    assert mend.startswith("make room")


@pytest.mark.sqlite
def test_a_network_file_system_is_named(pqkit: Any, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesystem, "file_system", lambda _: "nfs4")
    ((level, said, mend),) = found(pqkit, "file system")
    assert (level, mend) == ("fail", filesystem.MEND)
    assert "nfs4" in said


@pytest.mark.sqlite
def test_a_place_that_cannot_be_written_is_named(pqkit: Any, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    ((level, _, mend),) = found(pqkit, "writable")
    assert level == "fail"
    assert mend.startswith("chmod u+w")


@pytest.mark.sqlite
def test_a_record_of_the_future_tells_of_a_clock_that_was_set(pqkit: Any, queue: Queue) -> None:
    queue.enqueue("t")
    sql(queue, "UPDATE job SET created_at = created_at + 600000000")
    ((level, said, mend),) = found(pqkit, "clock")
    assert (level, mend) == ("warn", "timedatectl set-ntp true")
    assert "10 min from now" in said


@pytest.mark.sqlite
def test_a_server_that_does_not_answer_is_named(pqkit: Any) -> None:
    url = f"postgresql+psycopg://u@127.0.0.1:{free_port()}/queue"
    ((level, said, mend),) = found(pqkit, "reachable", URL=url)
    assert level == "fail"
    assert "127.0.0.1" in said
    assert "PQKIT_URL" in mend


@pytest.mark.parametrize(
    ("version", "mend"), [("0001", "pqkit db upgrade"), ("9999", "upgrade pqkit"), (None, "set PQKIT_URL to a queue")]
)
def test_another_schema_is_mended_by_what_fits(pqkit: Any, queue: Queue, version: str | None, mend: str) -> None:
    change = f"UPDATE pqkit_version SET version_num = '{version}'" if version else "DELETE FROM pqkit_version"
    sql(queue, change)
    ((level, _, said),) = found(pqkit, "schema")
    assert (level, said) == ("fail", mend)


def test_a_queue_of_which_nothing_runs_is_named(pqkit: Any, queue: Queue) -> None:
    queue.enqueue("add", queue="sums")
    a_worker(queue, "w1")
    assert found(pqkit, "queues") == []
    sql(queue, "UPDATE ready SET since = since - 600000000")
    ((_, said, mend),) = found(pqkit, "queues")
    assert "nothing of sums runs, its oldest job waits for 10 min" in said
    assert "--queue sums" in mend
    queue.operator("ada").pause("sums")
    ((_, said, mend),) = found(pqkit, "queues")
    assert "paused by ada" in said
    assert mend == "pqkit queues resume sums"


@pytest.mark.sqlite
def test_a_due_job_that_nobody_stages_is_named(pqkit: Any, queue: Queue) -> None:
    queue.enqueue("add", delay=60)
    assert found(pqkit, "due") == []
    sql(queue, "UPDATE delayed SET due_at = due_at - 600000000")
    ((_, said, mend),) = found(pqkit, "due")
    assert "nobody has staged it" in said
    assert mend.startswith("pqkit worker")


def written(path: Path, text: str) -> None:
    path.write_text(text)
    os.utime(path, (time.time() - HOUR,) * 2)


@pytest.mark.sqlite
def test_files_without_jobs_and_left_overs_are_named_and_cleaned_by_a_task(
    pqkit: Any, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path("data/files")
    folder.mkdir(mode=0o700, exist_ok=True)
    job = queue.enqueue(stamp_file, {"name": "named.txt"})
    written(folder / "named.txt", "text")
    written(folder / ".half.txt.part", "te")
    assert "1 file in data/files without a job, such as .half.txt.part" in found(pqkit, "files")[0][1]
    (folder / ".half.txt.part").unlink()
    assert found(pqkit, "files") == []
    written(folder / "orphan.txt", "text")
    ((_, said, mend),) = found(pqkit, "files")
    assert "such as orphan.txt" in said
    assert mend.startswith("pqkit producer --once")
    (folder / "orphan.txt").unlink()
    queue.operator("ada").cancel([job.id])
    written(folder / f".named.txt.{job.id}-1.staged", "left")
    ((_, said, mend),) = found(pqkit, "files")
    assert "1 staged left-over" in said
    assert mend == "pqkit files clean --older-than 1m"
    settings.cache_clear()
    monkeypatch.setenv("PQKIT_URL", queue.database.url)
    for days in (0.01, 0.0, -1.0, float("nan")):
        with pytest.raises(Fail, match="1 or more"):
            clean_files(days=days)
    os.utime(folder / f".named.txt.{job.id}-1.staged", (1, 1))
    assert clean_files(days=1) == {"deleted": 1}
    assert [path.name for path in folder.iterdir()] == ["named.txt"]


def test_jobs_that_wait_for_a_key_are_named(pqkit: Any, queue: Queue, keys: Keys) -> None:
    file = str(keys.file)
    assert pqkit("enqueue", "add", KEY_FILE=file, ENCRYPT="all").code == 0
    assert found(pqkit, "keys") == []
    old = encryption.current()
    keys.file.unlink()
    keys.new()
    ((level, said, _),) = found(pqkit, "keys")
    assert (level, said) == ("warn", f"1 job wait for key {old}, which is not here")
    keys.file.chmod(0o644)
    encryption.forget()
    ((level, _, mend),) = found(pqkit, "keys")
    assert (level, mend) == ("fail", f"chmod 600 {file}")
    keys.use(ENCRYPT="all")
    assert ("fail", "everything is to be encrypted, and there is no key", "pqkit keys new") in found(pqkit, "keys")


@pytest.mark.sqlite
def test_backups_that_are_missing_or_old_are_named(pqkit: Any, queue: Queue, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    ((_, said, mend),) = found(pqkit, "backups", BACKUPS=str(folder))
    assert "there is none" in said
    assert mend.startswith("pqkit db backup")
    folder.mkdir()
    (folder / name_for(time.time() - 10)).write_text("x")
    assert found(pqkit, "backups") == []
    ((_, said, _),) = found(pqkit, "backups", BACKUP_EVERY="0.001")
    assert "the last one is" in said


@pytest.mark.sqlite
def test_jobs_that_stay_too_long_are_named(pqkit: Any, queue: Queue) -> None:
    ended(queue, "add", a_worker(queue), 2)
    age(queue, 7.02)
    assert found(pqkit, "retention") == []
    age(queue, 1)
    ((_, said, mend),) = found(pqkit, "retention")
    assert "2 jobs" in said
    assert "pqkit db prune" in mend


SICK: dict[str, tuple[str, dict[str, Any]]] = {
    "too old": ("server", {"number": 140_000}),
    "a standby": ("server", {"standby": True}),
    "fsync off": ("durability", {"fsync": False}),
    "standbys that nobody waits for": ("standbys", {"standbys": 2, "waits": False}),
    "all connections in use": ("connections", {"used": 99, "most": 100}),
    "no autovacuum": ("dead rows", {"autovacuum": False}),
    "dead rows that stay": ("dead rows", {"dead": [("ready", 10, 1_000_000)]}),
}


@pytest.mark.parametrize("name", SICK)
def test_a_sick_server_is_named(server: Server, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    check, symptoms = SICK[name]
    with server.database() as url:
        database = connect(url)
        assert isinstance(database, PostgresDatabase)
        well = {"number": 150_000, "standby": False, "fsync": True, "full_page_writes": True, "dead": []}
        health = database.health()._replace(**well | symptoms)
        monkeypatch.setattr(database, "health", lambda: health)
        told = [
            one
            for one in (*postgresql_checks.before(database), *postgresql_checks.within(database))
            if one.check == check
        ]
        assert [one for one in told if one.level != "ok" and one.mend], told
        database.close()


def test_a_clock_beside_the_server_s_is_named(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with server.database() as url:
        database = connect(url)
        assert isinstance(database, PostgresDatabase)
        honest = system_clock.wall
        monkeypatch.setattr(system_clock, "wall", lambda: honest() + 60_000_000)
        assert [one.level for one in postgresql_checks.before(database) if one.check == "clock"] == ["warn"]
        database.close()


def test_what_is_wrong_on_a_server_is_mended_by_what_is_named(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_health, "LONG_OPEN", 0)
    with server.database() as url, ExitStack() as stack:
        here = connect(url)
        stack.callback(here.close)
        assert isinstance(here, PostgresDatabase)
        queue, address = Queue(here), url.replace("+psycopg", "", 1)
        person = stack.enter_context(psycopg.connect(address, autocommit=True))

        def mend(check: str) -> str:
            (finding,) = [one for one in postgresql_checks.within(here) if one.check == check and one.level != "ok"]
            person.execute(finding.mend)  # type: ignore[call-overload]
            return finding.found

        queue.enqueue_many("t", [{}] * 2)
        with pytest.raises(psycopg.errors.UniqueViolation):  # the index stays, and cannot be used
            person.execute("CREATE UNIQUE INDEX CONCURRENTLY broken ON job (queue)")
        queue.operator().cancel([2])
        queue.operator().delete([2])
        assert mend("indexes") == "the index broken is not valid"
        stranger = psycopg.connect(address, application_name="a notebook")
        stranger.execute("SELECT pg_current_xact_id()")
        wait_until(lambda: here.obstacle() is not None, what="a second of that transaction")
        assert "(a notebook, user postgres, idle in transaction)" in mend("horizon")
        with pytest.raises(psycopg.OperationalError):
            stranger.execute("SELECT 1")
        assert {one.level for one in postgresql_checks.within(here)} == {"ok"}
        while here.health().used <= postgresql_checks.FULL * here.health().most:
            stack.enter_context(psycopg.connect(address))
        assert "connections" in {one.check for one in postgresql_checks.before(here) if one.level == "warn"}


def test_what_the_doctor_says_to_type_can_be_typed() -> None:
    """Every command that is named in its source is one, with options that it has."""
    source = "".join(path.read_text() for path in Path(doctor.__file__).parent.glob("*.py"))
    named = {found.strip() for found in re.findall(r"(?:[\"`]|, |then )pqkit((?: [a-z-]+)+(?: --[a-z-]+)*)", source)}
    program: Any = typer.main.get_command(app)
    assert {"queues resume", "files clean --older-than", "producer --once"} <= named
    for line in named:
        command, words = program, line.split()
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        options = {name for each in command.params for name in each.opts}
        assert command is not program, line
        assert {word for word in words if word.startswith("--")} <= options, line
