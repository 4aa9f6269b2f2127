"""What a worker leaves that gave handlers up, and how it becomes another program.

A thread cannot be ended but with its process. The worker therefore becomes ``pqkit.worker.successor``, by which every
thread of it ends, and only then are its jobs free: no handler goes on beside the next run of its job.
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
    """How the attempts ended that a worker gave up, and the command line of its next life, if there is to be one.

    ``outcomes`` has for each job id its attempt, its start and the fields of its outcome.
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
    """Become the heir; does not return."""
    with tempfile.TemporaryFile() as file:
        file.write(json.dumps(legacy).encode())
        file.flush()
        file.seek(0)
        os.set_inheritable(file.fileno(), True)
        orphans.unmark()
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)  # one that comes now waits for the heir
        os.execv(PYTHON, [PYTHON, "-P", "-m", "pqkit.worker.successor", str(file.fileno())])  # noqa: S606


def become(command: Sequence[str], stops: StopCount) -> None:
    """The worker's next life, where one is wanted and nobody has told it to stop; does not return."""
    sys.stdout.flush()
    orphans.unmark()
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)  # one that comes now waits for the next life
    if stops.told or not command:
        os._exit(0)  # a handler's thread that does not end must not hold the process
    os.execv(PYTHON, [PYTHON, "-P", *command])  # noqa: S606 - its own command line
