"""Notebooks that are written for users: an incident as a test, a failed job to look into."""

import json
from pathlib import Path

import nbformat
import pytest

from pqkit import Context, task
from pqkit.errors import Refused
from pqkit.incidents.job_replay import open_job
from pqkit.incidents.regression import play
from pqkit.incidents.replay_record import NoStory, Story, read_story, story_of
from pqkit.lab import Scratch, scratch
from pqkit.lab.experiments.sample_incident import bad_day
from pqkit.notebook.generate import job_notebook, regression_notebook
from pqkit.notebook.parameters import parameters_of
from pqkit.queries.time_range import Span
from pqkit.queue import Leases, Queue, get_queue
from tests.conftest import a_worker
from tests.verbs import claim_one, fail


def test_a_written_notebook_is_one_and_takes_parameters(tmp_path: Path) -> None:
    job = job_notebook(tmp_path / "job.ipynb", 7, ["mytasks"], tmp_path)
    regression = regression_notebook(tmp_path / "r.ipynb", "r.json", "About it.", 2.5)
    for path in (job, regression):
        nbformat.validate(nbformat.read(path, as_version=4))
    asked = {name: p.default for name, p in parameters_of(job).items()}
    assert asked == {"job": 7, "url": None, "tasks": ["mytasks"], "project": str(tmp_path), "decrypt": False}
    asked = {name: p.default for name, p in parameters_of(regression).items()}
    assert asked == {"url": None, "story": "r.json", "speed": 2.5, "workers": 2}
    with pytest.raises(Refused, match="is there already"):
        job_notebook(job, 7, [], tmp_path)


@pytest.mark.fault
@pytest.mark.sqlite
def test_an_incident_is_played_again_and_handled(tmp_path: Path) -> None:
    here = scratch()
    span = bad_day(here, jobs=8)
    queue = get_queue(here.url)
    story = story_of(queue.database, span)
    queue.close()
    here.remove()
    assert len(story.jobs) == 9
    assert len(story.deaths) == 1
    assert sorted({part[0] for _, _, parts in story.jobs for part in parts}) == ["completed", "crashed", "failed"]
    story.write(tmp_path / "story.json")
    assert read_story(tmp_path / "story.json") == story
    assert "s3cret" not in (tmp_path / "story.json").read_text()
    place = scratch()
    result = play(place, story)
    place.remove()
    assert result.check().startswith("regression: 9 jobs and 1 dead workers played again")


def test_a_story_of_hours_is_played_in_seconds() -> None:
    assert Story([[0.0, "t", []], [7200.0, "t", []]], [], 2).speed == 480
    assert Story([[0.0, "t", []]], [3.0], 2).speed == 1


def test_nothing_is_no_story(queue: Queue) -> None:
    with pytest.raises(NoStory):
        story_of(queue.database, Span())


def test_a_failed_job_is_run_dry_and_the_queue_hears_nothing_of_it(
    queue: Queue, url: str, tmp_path: Path, kind: str
) -> None:
    @task(max_retries=0)
    def store(name: str, *, ctx: Context) -> str:
        ctx.log("token=s3cret")
        ctx.session.connection().exec_driver_sql("DELETE FROM job")
        ctx.stage(tmp_path / "out").write_text(name)
        return name.upper()

    job = queue.enqueue(store, {"name": "a"})
    worker: Leases = a_worker(queue, tasks=("store",))
    fail(worker, queue, claim_one(worker))
    place = Scratch(tmp_path, "")
    opened = open_job(queue.database.url, job.id, place)
    assert opened.arguments == {"name": "a"}
    assert opened.facts["task"] == "store"
    assert "ValueError" in opened.facts["error"]
    before = queue.state(job.id)
    dry = opened.run_dry()
    assert (dry.outcome, json.loads(dry.result or ""), dry.lines) == ("completed", "A", ["token=***"])
    assert dry.files == [str(tmp_path / "out")]
    assert not list(tmp_path.glob("*out*"))
    assert queue.state(job.id) is before
