"""``pqkit run`` and notebooks as jobs: checked before they start, judged, kept, and under the leases of any job."""

import os
import re
import signal
import stat
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from pqkit import queries
from pqkit.domain.states import JobState
from pqkit.domain.tasks import ArgumentError
from pqkit.files import UnsafePath
from pqkit.notebook import notebook, notebook_task, record
from pqkit.notebook.execute import run
from pqkit.notebook.parameter_grid import collect, enqueue_grid
from pqkit.notebook.parameters import BadNotebook, BadParameter, parameters_of, parse
from pqkit.notebook.paths import find, folders
from pqkit.notebook.recorded_values import NotJson
from pqkit.notebook.run_store import past, read
from pqkit.queue import Queue
from pqkit.redaction.redact import redact
from pqkit.redaction.redact_texts import without_passwords
from pqkit.settings import settings
from tests.cli.support import run_program
from tests.fleet import Fleet
from tests.support import PATIENCE, lives, wait_until

Write = Callable[..., Path]
CHANNELS = """
import json, stat
from pathlib import Path
from ipykernel.connect import get_connection_file
from pqkit.notebook import record
channels = json.loads(Path(get_connection_file()).read_text())
record("transport", channels["transport"])
record("mode", stat.S_IMODE(Path(channels["ip"]).parent.stat().st_mode))
"""
RECORDING = "from pqkit.notebook import record\nrecord({})"
PARAMETERS = """
day = '2030-01-01'  # the day to report
n: int | None = 3
share = 0.5
names = ['a']
place = str('anywhere')
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Put a notebook into the folder of notebooks, which is the working folder's."""
    monkeypatch.chdir(tmp_path)
    settings.cache_clear()
    (tmp_path / "notebooks").mkdir()

    def write(name: str, parameters: str, *cells: str) -> Path:
        tagged = nbformat.v4.new_code_cell(parameters, id="parameters", metadata={"tags": ["parameters"]})
        rest = [nbformat.v4.new_code_cell(source, id=f"step-{number}") for number, source in enumerate(cells)]
        nbformat.write(nbformat.v4.new_notebook(cells=[tagged, *rest]), tmp_path / "notebooks" / name)
        return tmp_path / "notebooks" / name

    yield write
    settings.cache_clear()


def test_parameters_are_read_without_running_the_notebook(write: Write) -> None:
    found = parameters_of(write("a.ipynb", PARAMETERS))
    assert {name: (p.words, p.default) for name, p in found.items()} == {
        "day": ("str", "2030-01-01"),
        "n": ("int | None", 3),
        "share": ("float", 0.5),
        "names": ("list", ["a"]),
        "place": ("Any", None),
    }
    assert found["day"].about == "the day to report"


@pytest.mark.parametrize(
    ("pair", "value"), [("day=7", "7"), ("n=7", 7), ("n=null", None), ("share=1", 1.0), ('names=["b"]', ["b"])]
)
def test_a_parameter_is_taken_as_what_its_type_says(write: Write, pair: str, value: object) -> None:
    assert list(parse(write("a.ipynb", PARAMETERS), [pair]).values()) == [value]


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ("n=many", r"parameter 'n' \(int \| None\)"),
        ("share=true", "parameter 'share'"),
        ("days=1", "no parameter 'days'; it has day, n"),
        ("day", "name=value"),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused(write: Write, pair: str, words: str) -> None:
    with pytest.raises(BadParameter, match=words):
        parse(write("a.ipynb", PARAMETERS), [pair])


def test_nothing_is_started_for_parameters_that_do_not_fit(write: Write) -> None:
    path = write("a.ipynb", "n = 1", "1 / 0")
    with pytest.raises(BadParameter):
        run(path, {"n": "one"})
    assert not settings().runs.exists()


@pytest.mark.parametrize("text", ["", "[]", '{"nbformat": 3}', '{"nbformat": 4}'])
def test_what_is_no_notebook_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.ipynb").write_text(text)
    with pytest.raises(BadNotebook, match="not a notebook"):
        parameters_of(tmp_path / "a.ipynb")


@pytest.mark.parametrize("name", ["../a.ipynb", "/etc/a.ipynb", "notebooks", "link.ipynb", "a\0.ipynb"])
def test_no_notebook_is_found_outside_of_the_folders(write: Write, tmp_path: Path, name: str) -> None:
    (tmp_path / "a.ipynb").touch()
    write("b.ipynb", "").with_name("link.ipynb").symlink_to(tmp_path / "a.ipynb")
    with pytest.raises(UnsafePath):
        find(name)
    assert find("b.ipynb").parent in folders()


def test_only_what_json_can_hold_is_recorded() -> None:
    with pytest.raises(NotJson, match="'a'"):
        record("a", object())
    with pytest.raises(NotJson):
        record("a", float("nan"))


@pytest.mark.parametrize("value", [(1, 2), {"a": (1,)}, {1: "a", "1": "b"}, {1}, [float("nan")], b"a"])
def test_what_json_would_change_is_not_recorded(value: object) -> None:
    with pytest.raises(NotJson, match="record 'x'"):
        record("x", value)


def test_a_run_whose_process_is_gone_is_stopped_and_not_running_for_ever(write: Write) -> None:
    notebook = write("a.ipynb", "n = 1", "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)")
    killed = run_program(settings().runs.parent, "run", str(notebook))
    assert killed.code < 0
    ((name, found),) = past()
    assert (found.verdict, found.error) == ("stopped", "its process is gone")
    assert found.ended_at is not None
    assert "stopped" in run_program(settings().runs.parent, "runs", "list").out
    found.verdict, found.host = "running", "another"
    found.write(settings().runs / name)
    assert read(settings().runs / name).verdict == "running"  # nobody here can tell


def test_passwords_in_urls_become_stars() -> None:
    assert without_passwords("postgresql://me:se/cr@h/d") == "postgresql://me:***@h/d"
    assert without_passwords('url="postgresql+psycopg://me:secret@h/d"') == 'url="postgresql+psycopg://me:***@h/d"'


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("login failed: password=hunter2, user=me", "login failed: password=***, user=me"),
        ('{"api_key": "abc", "n": 1}', '{"api_key":"***","n":1}'),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("my_token=s3cret in redis://:pw@h", "my_token=*** in redis://:***@h"),
        ("a tokenizer and 3 passwords", "a tokenizer and 3 passwords"),
    ],
)
def test_secrets_become_stars(text: str, redacted: str) -> None:
    assert redact(text) == redacted


def test_a_run_is_kept_whole_and_private(write: Write) -> None:
    path = write("a.ipynb", "n = 1\nurl = ''", RECORDING.format("'twice', 2 * n"), "print(url)")
    seen: list[tuple[float, str]] = []
    folder, found = run(
        path, {"n": 4, "url": "postgresql://me:hunter2@h/d"}, watch=lambda part, words: seen.append((part, words))
    )
    assert (found.verdict, found.error, found.recorded) == ("passed", None, {"twice": 8})
    assert found.parameters == {"n": 4, "url": "postgresql://me:***@h/d"}
    assert {"pqkit", "python", "papermill"} <= found.versions.keys()
    cells = ["cell 1 of 3 (parameters)", "cell 2 of 3 (step-0)", "cell 3 of 3 (step-1)"]
    assert seen == [(0.0, cells[0]), (1 / 3, cells[1]), (2 / 3, cells[2]), (1.0, cells[2])]
    assert read(folder) == found
    assert past() == [(folder.name, found)]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    page = (folder / "report.html").read_text()
    assert "twice = 8" in page
    assert not re.findall(r"""(?:src|href|from)\s*=?\s*["']https?:[^"']*""", page)
    assert not [file.name for file in folder.iterdir() if "hunter2" in file.read_text()]


DYING = "import os, time\nfrom pathlib import Path\nPath('{here}').write_text(str(os.getpid()))\n{act}"


@pytest.mark.parametrize(
    ("act", "words"),
    [
        ("assert 1 == 2, 'one is not two'", "AssertionError: one is not two"),
        ("os._exit(3)", "the kernel died"),
        ("os.kill(os.getpid(), 19)", "ran past its deadline of 2 s"),
        ("time.sleep(600)", "ran past its deadline of 2 s"),
    ],
)
def test_a_cell_that_fails_dies_or_hangs_is_named(write: Write, tmp_path: Path, act: str, words: str) -> None:
    path = write("a.ipynb", "n = 1", DYING.format(here=tmp_path / "pid", act=act), "never = 1")
    folder, found = run(path, {}, cell_timeout=2)
    assert found.verdict == "failed"
    assert found.error is not None
    assert found.error.startswith("cell 2 of 3 (step-0): ")
    assert words in found.error
    assert words.rpartition(": ")[2] in (folder / "report.html").read_text()
    assert not lives(int((tmp_path / "pid").read_text()))


def test_the_command_says_how_it_went_and_exits_so(write: Write, tmp_path: Path) -> None:
    pqkit = partial(run_program, tmp_path)
    write("a.ipynb", "n = 1", RECORDING.format("'n', n"), "assert n < 5, f'{n} is too many'")
    good = pqkit("run", "a", "-p", "n=4")
    assert (good.code, "n = 4" in good.out) == (0, True), good.err
    bad = pqkit("run", "notebooks/a.ipynb", "-p", "n=7")
    assert (bad.code, "7 is too many" in bad.out) == (1, True)
    assert pqkit("run", "a", "-p", "n=seven").is_one_clear_line
    listed = pqkit("runs", "list", "--json").json
    assert [(run["verdict"], run["parameters"]) for run in listed] == [("failed", {"n": 7}), ("passed", {"n": 4})]


def worker(fleet: Fleet, name: str = "w1", **settings: str) -> Any:
    return fleet.start(name, "--slots", "2", tasks="pqkit.notebook", **settings)


def test_a_task_made_of_a_notebook_takes_its_parameters(write: Write, queue: Queue, kind: str) -> None:
    write("report.ipynb", "n = 1\nday: str = ''")
    task = notebook_task("report.ipynb", max_retries=5)
    assert (task.name, task.policy.isolation, task.policy.max_retries) == ("report", "process", 5)
    assert task.encode({"n": 3}) == '{"n":3}'
    with pytest.raises(ArgumentError, match="'m'"):
        task.encode({"m": 3})


def test_a_notebook_runs_as_a_job_and_leaves_a_run_for_each_attempt(write: Write, queue: Queue, fleet: Fleet) -> None:
    write("a.ipynb", "fail = True", RECORDING.format("'one', 1"), "assert not fail, 'as asked'")
    worker(fleet)
    good = queue.enqueue(notebook, {"path": "a.ipynb", "parameters": {"fail": False}})
    bad = queue.enqueue(notebook, {"path": "a.ipynb"}, max_retries=1, backoff=[0])
    outside = queue.enqueue(notebook, {"path": "../a.ipynb"})
    result = good.result(PATIENCE)
    assert result["recorded"] == {"one": 1}
    wait_until(lambda: bad.state.final and outside.state.final)
    assert (bad.state, outside.state) == (JobState.UNPROCESSABLE, JobState.FAILED)
    story = queries.job(queue.database, bad.id)
    assert story.progress is not None
    assert story.progress.note == "cell 3 of 3 (step-1)"
    assert "cell 3 of 3 (step-1): AssertionError: as asked" in (story.job.error or "")
    kept = {found.job: found.verdict for _, found in past()}
    assert kept == {(good.id, 1): "passed", (bad.id, 1): "failed", (bad.id, 2): "failed"}


def test_a_job_s_run_deletes_the_old_runs_of_its_host(write: Write, queue: Queue, fleet: Fleet) -> None:
    write("a.ipynb", "n = 0")
    worker(fleet, max_runs="2")
    for n in range(4):
        queue.enqueue(notebook, {"path": "a.ipynb", "parameters": {"n": n}}).result(PATIENCE)
    assert [found.parameters["n"] for _, found in past()] == [3, 2]


def test_a_canceled_or_stopped_notebook_gives_way_and_its_kernel_ends(
    write: Write, queue: Queue, fleet: Fleet, tmp_path: Path
) -> None:
    act = DYING.format(here="'+here+'", act="time.sleep(600)").replace("Path(''+here+'')", "Path(here)")
    write("a.ipynb", "here = ''", act)
    first = worker(fleet)
    pids = [tmp_path / "one", tmp_path / "two"]
    one, two = (queue.enqueue(notebook, {"path": "a.ipynb", "parameters": {"here": str(pid)}}) for pid in pids)
    wait_until(lambda: all(pid.exists() and pid.read_text() for pid in pids), what="the notebooks' start")
    one.cancel()
    wait_until(lambda: one.state.final, what="the cancel")
    assert one.state is JobState.CANCELED
    assert first.stop() == 0
    (attempt,) = queries.job(queue.database, two.id).attempts
    assert (two.state, attempt.outcome) == (JobState.PENDING, "released")
    assert not [pid for pid in pids if lives(int(pid.read_text()))]


@pytest.mark.fault
def test_a_killed_worker_s_notebooks_run_again_and_each_result_is_there_once(
    write: Write, queue: Queue, fleet: Fleet
) -> None:
    write("a.ipynb", "n = 0", "import time; time.sleep(1)", RECORDING.format("'square', n * n"))
    workers = [worker(fleet, name, rescue_every="0.3") for name in ("w1", "w2")]
    label, ids = enqueue_grid(queue, "a.ipynb", {"n": range(6)})
    doomed = workers[0].process.pid

    def holds_some() -> bool:
        held = {w.pid: w.running for w in queries.workers(queue.database)}
        return held.get(doomed, 0) > 0 and any(found.cell.startswith("cell 2") for _, found in past())

    wait_until(holds_some, what="notebooks on the worker")
    kernels = psutil.Process(doomed).children(recursive=True)
    os.kill(doomed, signal.SIGKILL)
    wait_until(lambda: all(queue.state(job).final for job in ids), what="the end of all")
    rows = collect(queue.database, label)
    assert [(row["n"], row["square"], row["state"]) for row in rows] == [(n, n * n, "completed") for n in range(6)]
    assert not [process for process in kernels if lives(process.pid)]
    finished = [found.job[0] for _, found in past() if found.verdict == "passed" and found.job]
    assert set(finished) == set(ids)
    for row in rows:
        assert nbformat.read(settings().runs / row["run"] / "notebook.ipynb", 4).cells
    assert queries.misplaced(queue.database) == []


def test_nobody_else_on_the_machine_hears_what_a_kernel_says(write: Write) -> None:
    """By TCP its output goes to whoever connects to 127.0.0.1, signed and in clear."""
    _, found = run(write("a.ipynb", "", CHANNELS), {})
    assert found.recorded == {"transport": "ipc", "mode": 0o700}


def test_a_file_of_the_project_is_found_and_replaces_no_library(write: Write, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("WORD = 'found'")
    (tmp_path / "traitlets.py").write_text("raise SystemExit('planted')")
    (tmp_path / "colorsys.py").write_text("raise SystemExit('planted')")
    cells = ("import mine, colorsys", "from pqkit.notebook import record; record('word', mine.WORD)")
    _, found = run(write("a.ipynb", "", *cells), {})
    assert (found.verdict, found.recorded) == ("passed", {"word": "found"}), found.error
