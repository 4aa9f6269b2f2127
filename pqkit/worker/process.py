"""From the command line to a running worker: wait for the database, obey signals, begin anew when ill."""

import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pqkit import tracing
from pqkit.domain.tasks import registry
from pqkit.errors import DatabaseUnavailable
from pqkit.log import get_logger
from pqkit.process import orphans
from pqkit.process.linux import die_with_supervisor, is_supervised, on_stop
from pqkit.queue import Queue, get_queue
from pqkit.security import encryption, file_permissions
from pqkit.settings import Settings
from pqkit.worker.heartbeat_helper import Pulse
from pqkit.worker.loop import Worker
from pqkit.worker.process_handover import STOPS, become, bequeath, legacy_of
from pqkit.worker.task_import import import_tasks

LONGEST_WAIT = 5.0
LOOK_FOR_PLACE = 0.25
# A batch of jobs is thousands of objects that live until its exchange and have no cycles. To look for cycles among each
# 700, as Python would, costs a tenth of the work. A module of tasks may set it otherwise.
LOOSE_OBJECTS = 20_000


class _Stop:
    """What a signal to stop does: before there is a worker the process ends at once, for it holds no job."""

    worker: Worker | None = None

    def __call__(self, number: int) -> None:
        if self.worker is None:
            os._exit(0)
        # Supervisor repeats its SIGTERM where it is told to stop itself, so that this says nothing new.
        self.worker.stop(may_insist=number != signal.SIGTERM or not is_supervised())


def run_worker(settings: Settings, *, name: str | None = None, queues: Sequence[str] = ()) -> None:
    """Run a worker until SIGTERM or SIGINT; does not return.

    Raises TasksMissing, SchemaError or UnsupportedUrl at once; a database that cannot be reached yet is waited for.
    """
    stop = _Stop()
    listen = on_stop(stop, STOPS)
    die_with_supervisor()
    pulse = Pulse(settings)
    gc.set_threshold(LOOSE_OBJECTS)
    tasks = _with_keys(import_tasks(settings.tasks), settings)
    listen()  # a module may have set signal handlers of its own
    gc.freeze()  # what is imported stays: the collector need not look through it again and again
    _warn_of_exposed()
    queue = _wait_for_queue(settings)
    stop.worker = worker = Worker(queue, settings, tasks, name=name or default_name(), queues=queues)
    orphans.mark(worker.id)
    pulse.start(worker.id, worker.runs)
    worker.watched_by(pulse.expect)
    ill = worker.run()
    pulse.stop()
    if settings.traces:
        tracing.flush()
    restart = [] if ill is None else ["-m", "pqkit", *sys.argv[1:]]
    if worker.left:
        legacy = legacy_of(settings, (worker.id, worker.name), worker.end_words, worker.left)
        sys.stdout.flush()
        worker.around.bring_back()
        bequeath(legacy._replace(restart=[] if worker.told_to_stop else restart))
    if worker.busy:
        _end_offspring(worker)
    if restart:
        _wait_for_place(queue.database.place, worker)
    worker.around.bring_back()
    become(restart, worker.stops)


def _wait_for_place(place: Path | None, worker: Worker) -> None:
    """Where somebody has taken the file away, an empty one in its place would look as if all jobs were lost, and would
    be in the way of a backup that is to be restored."""
    if place is not None and not place.exists():
        said = f"there is none at {place}; a restored one is taken at once, and `pqkit db init` makes an empty one"
        get_logger("worker").error("waiting for the database", error=said)
        while not place.exists() and not worker.told_to_stop:
            time.sleep(LOOK_FOR_PLACE)


def _with_keys(tasks: tuple[str, ...], settings: Settings) -> tuple[str, ...]:
    """The tasks that this worker can take: encrypted ones only with a key. Raises KeyMissing where none is left."""
    hidden = [name for name in tasks if settings.encrypt == "all" or registry[name].policy.encrypted]
    if not hidden or encryption.has_keys():
        return tasks
    if len(hidden) == len(tasks):
        raise encryption.KeyMissing(
            "all tasks are encrypted, and this worker has no key: set PQKIT_KEY_FILE or PQKIT_KEYS"
        )
    get_logger("worker").warning("encrypted tasks are left to workers that have a key", tasks=hidden)
    return tuple(name for name in tasks if name not in hidden)


def _warn_of_exposed() -> None:
    """Whoever may change what a worker imports runs code in it."""
    if found := file_permissions.exposed():
        said = file_permissions.in_words(found)
        get_logger("worker").warning("others may change code or settings of this worker", paths=said)


def _end_offspring(worker: Worker) -> None:
    """What handlers run that were given up must not go on beside the next run of their jobs."""
    orphans.refuse_more()
    ended = orphans.end(str(worker.id))
    if ended:
        get_logger("worker").warning("ended what given-up handlers left running", processes=orphans.in_words(ended))


def default_name() -> str:
    return os.environ.get("SUPERVISOR_PROCESS_NAME") or f"{socket.gethostname()}-{os.getpid()}"


def _wait_for_queue(settings: Settings) -> Queue:
    pause = 0.25
    while True:
        try:
            return get_queue(settings.url, durability=settings.durability)
        except DatabaseUnavailable as error:
            get_logger("worker").warning("waiting for the database", error=str(error))
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_WAIT)
