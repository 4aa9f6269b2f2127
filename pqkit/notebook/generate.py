"""Generated notebooks: an incident as a regression test, and one job to investigate."""

import json
import re
from pathlib import Path
from string import Template
from typing import Any

from pqkit.errors import Refused
from pqkit.files import write_new

PYTHON = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

JOB = """
#%% text
# Job $job

Its arguments, its log, and its handler run dry: on a copy of the queue, to which nothing is written. What the handler
does elsewhere, it does. Secrets are hidden, and of an encrypted job all that comes of it; `decrypt = True` shows them,
and makes the report one that only those may read who have the right `read_secrets`.
#%% parameters
job = $job
url: str | None = None  # its queue, or a copy of it; None: the one of the project's settings; not in a job
tasks = $tasks  # the modules that declare its handler; not in a job
project = $project  # the folder whose settings and modules are meant; not in a job
decrypt = False  # True: show what is encrypted and what is hidden; not in a job
#%% open
import pandas as pd
from pqkit import lab
from pqkit.incidents.job_replay import go_to, open_job
from pqkit.settings import settings

go_to(project)
here = lab.scratch()
opened = open_job(url or settings().url, job, here, decrypt=decrypt)
pd.Series(opened.facts, name=f"job {job}").to_frame()
#%% arguments
opened.arguments
#%% attempts
pd.DataFrame(opened.story.attempts)
#%% log
print(*opened.log, sep="\\n")
#%% text
## Run dry

Change the handler, restart the kernel, run it again.
#%% dry
dry = opened.run_dry(*tasks)
print(dry.error or f"{dry.outcome}: {dry.result}")
dry._asdict()
#%% tidy
here.remove()
"""

REGRESSION = """
#%% text
# Regression

$about

The jobs of that span come again as they came, on a scratch queue. Stand-ins take the handlers' places and end as on
record, and workers are killed when they died. Nothing may be lost or accepted twice, and each job must end as it did.
Run it by `pytest --nbval-lax` or by `pqkit run`.
#%% parameters
url: str | None = None  # a queue on a PostgreSQL server makes its scratch database there; else a file; not in a job
story = $story  # what happened; not in a job
speed = $speed  # so many times as fast
workers = 2
#%% play
from pqkit import charts, lab
from pqkit.incidents.regression import play, read_story
from pqkit.lab.harness.result_frames import blow_table, run_table

here = lab.scratch(url)
result = play(here, read_story(story), speed, workers)
#%% timeline
runs, blows = run_table(result.tables["runs"]), blow_table(result.tables["blows"])
charts.show(charts.timeline(runs), charts.marks(blows, ["at", "kind", "worker"]), title="Played again")
#%% verdict
print(result.check())
#%% tidy
here.remove()
"""


def job_notebook(path: Path, job_id: int, tasks: list[str], project: Path) -> Path:
    """Write a notebook that opens one job on a copy of its queue.

    It works in the folder ``project``, whichever folder the kernel starts in. Raises Refused if it cannot be written.
    """
    known = {"tasks": json.dumps(tasks), "project": json.dumps(str(project.absolute()))}
    return _write(path, Template(JOB).substitute(job=job_id, **known))


def regression_notebook(path: Path, story: str, about: str, speed: float) -> Path:
    """Write a notebook that replays the file ``story`` beside it and asserts its handling."""
    return _write(path, Template(REGRESSION).substitute(story=json.dumps(story), about=about, speed=speed))


def _write(path: Path, text: str) -> Path:
    blocks = (block.partition("\n") for block in re.split(r"^#%% ", text, flags=re.MULTILINE)[1:])
    cells = [_cell(number, name, source) for number, (name, _, source) in enumerate(blocks)]
    whole = json.dumps({"cells": cells, "metadata": PYTHON, "nbformat": 4, "nbformat_minor": 5}, indent=1)
    try:
        write_new(path, f"{whole}\n".encode())
    except FileExistsError:
        raise Refused(f"{path} is there already: move it away, or name another file") from None
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}") from None
    return path


def _cell(number: int, name: str, source: str) -> dict[str, Any]:
    lines = source.strip("\n").splitlines(keepends=True)
    if name == "text":
        return {"cell_type": "markdown", "id": f"text-{number}", "metadata": {}, "source": lines}
    tags = {"tags": ["parameters"]} if name == "parameters" else {}
    code: dict[str, Any] = {"execution_count": None, "outputs": []}
    return {"cell_type": "code", "id": name, "metadata": tags, "source": lines, **code}
