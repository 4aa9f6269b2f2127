"""Handover from a worker that gave handlers up to its successor program.

A thread ends only with its process. The worker therefore executes ``pqkit.worker.successor`` in its place, which ends
all its threads, and only then frees their jobs: no handler overlaps the next run of its job.
"""

import json
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from typing import Any, NamedTuple

from pqkit.process import orphans
from pqkit.process.linux import PYTHON, StopCount
from pqkit.queue import Finished
from pqkit.settings import Settings

STOPS = (signal.SIGTERM, signal.SIGINT)


class Legacy(NamedTuple):
    """The outcomes of attempts that a worker gave up, and its restart command, if any.

    ``outcomes`` maps each job id to its attempt, its start and the fields of its outcome.
    """

    url: str
    worker: int
    name: str
    why: str
    patience: float
    outcomes: dict[str, list[Any]]
    restart: Sequence[str]


def legacy_of(settings: Settings, worker: tuple[int, str], why: str, left: Sequence[Finished]) -> Legacy:
    outcomes: dict[str, list[Any]] = {str(f.claim.job_id): [f.claim.attempt, f.started_at, *f.outcome] for f in left}
    return Legacy(settings.url, *worker, why, settings.rescue_after, outcomes, [])


def bequeath(legacy: Legacy) -> None:
    """Execute the successor in place of this process; does not return."""
    with tempfile.TemporaryFile() as file:
        file.write(json.dumps(legacy).encode())
        file.flush()
        file.seek(0)
        os.set_inheritable(file.fileno(), True)
        orphans.unmark()
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)  # a signal from now on waits for the successor
        os.execv(PYTHON, [PYTHON, "-P", "-m", "pqkit.worker.successor", str(file.fileno())])  # noqa: S606


def become(command: Sequence[str], stops: StopCount) -> None:
    """Restart as the command, unless it is empty or a stop was asked; does not return."""
    sys.stdout.flush()
    orphans.unmark()
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)  # a signal from now on waits for the next program
    if stops.told or not command:
        os._exit(0)  # a stuck handler thread must not keep the process alive
    os.execv(PYTHON, [PYTHON, "-P", *command])  # noqa: S606 - its own command line
