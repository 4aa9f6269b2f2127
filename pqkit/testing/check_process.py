"""Runs one handler repeatedly in scratch places, killed at one step after another.

``python -m pqkit.testing.check_process`` reads its plan from standard input. Each case is a fork: a kill affects
nothing else.
"""

import json
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, select

from pqkit.db import schema
from pqkit.domain.states import JobState
from pqkit.domain.tasks import registry
from pqkit.files import private_folder
from pqkit.models import metadata
from pqkit.queries import Filter, ids, job
from pqkit.queue import stand_in
from pqkit.settings import settings
from pqkit.testing import RehearsalQueue
from pqkit.testing.fault_points import Steps
from pqkit.worker.task_import import import_tasks

JOB = 1
LONGEST = 600
SHOWN = 64 * 1024
STAGED = re.compile(r"\..+\.\d+-\d+\.staged")  # pqkit's own left-over, known to `pqkit files clean`


@dataclass
class Plan:
    """The handler to check; ``folders`` are copied into each scratch place.

    Each is a pair: from (absolute) and to (relative). ``files`` is the setting of that name in the place.
    """

    task: str
    args: dict[str, Any]
    modules: list[str]
    folders: list[tuple[str, str]]
    files: str
    most: int


Snapshot = dict[str, str]
"""The things that a case left: their names and contents."""


class Cases:
    """The cases of one plan, each in a folder of its own."""

    def __init__(self, plan: Plan, root: Path) -> None:
        self._plan, self._root = plan, root
        self._template = root / "template"
        private_folder(self._template, new=True)
        queue = RehearsalQueue(self._template)
        queue.enqueue(plan.task, plan.args)
        queue.close()

    def run(self, kill_at: int | None) -> tuple[Snapshot, list[str]]:
        """Run the job until it has ended; return what is left, and the first run's step labels.

        The first run is killed before step ``kill_at`` (None: not at all).
        """
        place = Path(tempfile.mkdtemp(dir=self._root))
        try:
            work = place / "work"
            private_folder(work, new=True)
            for source, target in self._plan.folders:
                shutil.copytree(source, work / target, symlinks=True, dirs_exist_ok=True)
            shutil.copytree(self._template, place / "queue")
            labels = place / "labels"
            _in_fork(lambda: self._work(place, Steps(kill_at, labels, registry[self._plan.task].function)))
            _in_fork(lambda: self._work(place, None))
            found = place / "found"
            _in_fork(lambda: found.write_text(json.dumps(_look(place))))
            if not found.exists():
                raise RuntimeError("what a case left cannot be read")
            said = json.loads(labels.read_text()) if labels.exists() else []
            return json.loads(found.read_text()), said
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _work(self, place: Path, steps: Steps | None) -> None:
        os.chdir(place / "work")
        os.environ.update(PQKIT_FILES=self._plan.files, PQKIT_URL=f"sqlite:///{place}/queue/queue.db")
        settings.cache_clear()
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        queue = RehearsalQueue(place / "queue")
        queue.upkeep().rescue(None)
        if steps is not None:
            queue.before_finish = steps.end
            steps.trace()
        with stand_in(queue):
            while not queue.state(JOB).final:  # but none of the jobs that it may have queued
                queue.run_next()


def _in_fork(act: Callable[[], object]) -> None:
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        return
    try:
        os.setsid()
        signal.alarm(LONGEST)
        act()
    except BaseException as error:  # noqa: BLE001 - a fork must not go on as its parent
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    finally:
        os.kill(os.getpid(), signal.SIGKILL)  # no clean-up that belongs to the parent


def _look(place: Path) -> Snapshot:
    found: Snapshot = {}
    work = place / "work"
    for path in sorted(work.rglob("*")):
        name = str(path.relative_to(work))
        if path.is_symlink():
            found[f"link {name}"] = str(path.readlink())
        elif path.is_file() and "__pycache__" not in name and not STAGED.fullmatch(path.name):
            found[f"file {name}"] = path.read_bytes()[:SHOWN].decode(errors="replace")
    queue = RehearsalQueue(place / "queue")
    detail = job(queue.database, JOB, decrypt=True)
    found["the job"] = f"{detail.job.state}\n{detail.result or ''}\n{detail.job.error or ''}"
    others = [job(queue.database, one, decrypt=True).job for one in ids(queue.database, Filter(), 10_000) if one != JOB]
    if others:
        found["jobs it queued"] = "\n".join(sorted(f"{one.task} {one.args} in {one.queue}" for one in others))
    theirs = MetaData()
    theirs.reflect(queue.engine, only=lambda name, _: name not in metadata.tables and name not in schema.VERSION_TABLES)
    with queue.engine.connect() as connection:
        for one in theirs.sorted_tables:
            rows = connection.execute(select(one)).all()
            found[f"table {one.name}"] = "\n".join(sorted(str(tuple(row)) for row in rows))
    queue.close()
    return found


def evenly(steps: int, most: int) -> list[int]:
    """Return at most ``most`` of the steps 1 to ``steps``, evenly spread."""
    if steps <= most:
        return list(range(1, steps + 1))
    return sorted({1 + round(n * (steps - 1) / (most - 1)) for n in range(most)})


def main() -> None:
    plan = Plan(**json.load(sys.stdin))
    import_tasks(plan.modules)
    root = Path(tempfile.mkdtemp(prefix="pqkit-handler-"))
    try:
        cases = Cases(plan, root)
        once, labels = cases.run(None)
        completed = once["the job"].startswith(JobState.COMPLETED)
        again, _ = cases.run(1) if labels and completed else (once, [])
        points = evenly(len(labels), max(2, plan.most)) if completed else []
        found = [{"label": labels[n - 1], "left": cases.run(n)[0]} for n in points]
        print(json.dumps({"once": once, "again": again, "steps": len(labels), "cases": found}))
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
