"""Notebooks keep the rules of lists: secrets are hidden unless a person asks for them, and never in a job."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pqkit import Context, Queue, queries, task
from pqkit.domain.outcomes import Fail
from pqkit.errors import Refused
from pqkit.incidents.job_replay import open_job
from pqkit.lab import Scratch
from pqkit.notebook import notebook_tasks as jobs
from pqkit.notebook.execute import run
from pqkit.notebook.generate import job_notebook, regression_notebook
from pqkit.notebook.html_report import public_notebook
from pqkit.notebook.parameters import BadParameter, check, check_for_job, parameters_of, shows_secrets
from pqkit.notebook.paths import JOB
from pqkit.notebook.run_store import RECORD, read
from pqkit.security import encryption
from pqkit.settings import settings
from tests.cli.support import run_program

S = "hunter2"


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    encryption.new_key(tmp_path / "key")
    monkeypatch.setenv("PQKIT_KEY_FILE", str(tmp_path / "key"))
    settings.cache_clear()
    encryption.forget()
    yield
    settings.cache_clear()
    encryption.forget()


def test_hidden_arguments_stay_hidden_and_the_handler_gets_them(queue: Queue, tmp_path: Path) -> None:
    got: list[str] = []

    @task
    def charge(password: str) -> dict[str, str]:
        got.append(password)
        return {"token": password}

    job = queue.enqueue(charge, {"password": S})
    opened = open_job(queue.database.url, job.id, Scratch(tmp_path, ""))
    dry = opened.run_dry()
    assert got == [S]
    assert S not in str((opened, opened.arguments, opened.facts, opened.log, dry))


@pytest.mark.usefixtures("key")
def test_of_an_encrypted_job_nothing_is_seen_unless_it_is_typed(
    queue: Queue, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    @task(encrypted=True)
    def charge(card: str, *, ctx: Context) -> dict[str, str]:
        print(card)
        ctx.log(card)
        return {"seen": card}

    job = queue.enqueue(charge, {"card": S})
    for decrypt in (False, True):
        (folder := tmp_path / str(decrypt)).mkdir()
        opened = open_job(queue.database.url, job.id, Scratch(folder, ""), decrypt=decrypt)
        dry = opened.run_dry()
        assert dry.outcome == "completed"
        printed = capfd.readouterr().out
        told = (opened.arguments, opened.facts, dry, printed)
        assert [S in str(each) for each in told] == ([True, False, True, True] if decrypt else [False] * 4)


def test_a_job_never_decrypts(queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(JOB, "7")
    with pytest.raises(Refused, match="as a job"):
        open_job(queue.database.url, 1, Scratch(tmp_path, ""), decrypt=True)


def test_the_task_refuses_a_notebook_that_asks_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PQKIT_NOTEBOOKS", str(tmp_path))
    settings.cache_clear()
    path = job_notebook(tmp_path / "job-1.ipynb", 1, [], tmp_path)
    assert not shows_secrets(path, {})
    with pytest.raises(Fail, match="as a job"):
        jobs._run(path.name, {"decrypt": True}, None, Context(9, 1, "notebook"))
    path.write_text(path.read_text().replace("decrypt = False", "decrypt = bool(1)"))
    with pytest.raises(Fail, match="as a job"):
        jobs._run(path.name, {}, None, Context(9, 1, "notebook"))
    settings.cache_clear()


def test_an_executed_notebook_is_kept_without_secrets_and_one_that_decrypts_is_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sources = [
        "api_key = ''\ndecrypt = False",
        f"from pqkit.notebook import record\nrecord('token', api_key)\nprint('password=' + '{S[:3]}' + '{S[3:]}')",
    ]
    cells = [
        {"cell_type": "code", "id": f"c{n}", "source": source, "outputs": [], "execution_count": None}
        | {"metadata": {"tags": ["parameters"]} if n == 0 else {}}
        for n, source in enumerate(sources)
    ]
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    folder, found = run(path, {"api_key": S})
    assert (found.verdict, found.secret, found.recorded) == ("passed", False, {"token": "•••"})
    assert [file.name for file in folder.iterdir() if S in file.read_text()] == []
    folder, found = run(path, {"api_key": S, "decrypt": True})
    assert found.secret
    assert read(folder).secret
    assert S in (folder / "report.html").read_text()
    assert S not in (folder / RECORD).read_text()


BARRED = {
    "crash.ipynb": {"url"},
    "capacity.ipynb": {"url", "server"},
    "incident.ipynb": {"url", "server"},
    "load.ipynb": {"url"},
    "retry.ipynb": {"url", "history"},
    "job-1.ipynb": {"url", "tasks", "project"},
    "regression.ipynb": {"url", "story"},
}


def written(folder: Path, name: str) -> Path:
    if name == "job-1.ipynb":
        return job_notebook(folder / name, 1, ["tasks"], folder)
    if name == "regression.ipynb":
        return regression_notebook(folder / name, "story.json", "About it.", 1.0)
    return Path(__file__).parent.parent.parent / "notebooks" / name


@pytest.mark.parametrize("name", BARRED)
def test_a_job_names_neither_code_nor_another_database_for_a_notebook_of_the_kit(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name)
    for parameter in BARRED[name]:
        value = ["evil"] if parameter == "tasks" else "data.files.upload:f"
        assert check(path, {parameter: value}), "somebody at the machine may"
        with pytest.raises(BadParameter, match="run the notebook by hand"):
            check_for_job(path, {parameter: value})
    own = {parameter: parameters_of(path)[parameter].default for parameter in BARRED[name]}
    assert check_for_job(path, own) == own
    # The module of crash.ipynb's task is checked where it would be imported.
    named = {"tasks", "project", "url", "server", "history", "story", "module", "folder", "path"}
    assert named & parameters_of(path).keys() == BARRED[name]


def test_the_task_refuses_such_a_job_before_a_kernel_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "crash.ipynb")
    monkeypatch.setattr(jobs, "find", lambda _: path)
    with pytest.raises(Fail, match="run the notebook by hand"):
        jobs._run("crash.ipynb", {"url": "sqlite:////tmp/other.db"}, None, Context(9, 1, "notebook"))


def test_programs_in_outputs_still_run() -> None:
    output = {"output_type": "display_data", "data": {"text/html": "<script>f({token:e,password:x})</script>"}}
    notebook = {"cells": [{"source": "", "outputs": [output]}], "metadata": {}}
    assert public_notebook(notebook)["cells"][0]["outputs"][0] == output


def test_a_written_notebook_is_on_record(queue: Queue, url: str, tmp_path: Path) -> None:
    job = queue.enqueue("charge").id
    done = run_program(tmp_path, "jobs", "notebook", str(job), "--out", "j.ipynb", URL=url)
    assert done.code == 0, done.err
    (entry,) = queries.trail(queue.database)
    assert (entry.verb, json.loads(entry.detail)) == ("write_notebook", {"kind": "job", "job": job, "file": "j.ipynb"})
