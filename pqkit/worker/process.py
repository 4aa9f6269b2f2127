"""Runs a worker process: waits for the database, handles signals, restarts an ill worker."""

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
# A batch of jobs is thousands of objects that live until its exchange and have no cycles. A search for cycles
# after each 700 objects, Python's default, costs a tenth of the work. A task module may change the threshold.
LOOSE_OBJECTS = 20_000


class _Stop:
    """Handles a stop signal. Without a worker, the process exits at once: it holds no job."""

    worker: Worker | None = None

    def __call__(self, number: int) -> None:
        if self.worker is None:
            os._exit(0)
        # Supervisor repeats its SIGTERM when it is stopped itself, so a repeat does not insist on a stop.
        self.worker.stop(may_insist=number != signal.SIGTERM or not is_supervised())


def run_worker(settings: Settings, *, name: str | None = None, queues: Sequence[str] = ()) -> None:
    """Run a worker until SIGTERM or SIGINT; does not return.

    Raises TasksMissing, SchemaError or UnsupportedUrl at once; waits for a database that cannot be reached yet.
    """
    stop = _Stop()
    listen = on_stop(stop, STOPS)
    die_with_supervisor()
    pulse = Pulse(settings)
    gc.set_threshold(LOOSE_OBJECTS)
    tasks = _with_keys(import_tasks(settings.tasks), settings)
    listen()  # a module may have set signal handlers of its own
    gc.freeze()  # imported objects stay: the collector need not scan them
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
    """If the database file was moved, wait for it.

    Creating an empty one would hide the loss and block a restore.
    """
    if place is not None and not place.exists():
        said = f"there is none at {place}; a restored one is taken at once, and `pqkit db init` makes an empty one"
        get_logger("worker").error("waiting for the database", error=said)
        while not place.exists() and not worker.told_to_stop:
            time.sleep(LOOK_FOR_PLACE)


def _with_keys(tasks: tuple[str, ...], settings: Settings) -> tuple[str, ...]:
    """Return the tasks that this worker can take: encrypted ones only with a key.

    Raises KeyMissing if no task is left.
    """
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
    """Warn if other users may change code or settings that the worker imports."""
    if found := file_permissions.exposed():
        said = file_permissions.in_words(found)
        get_logger("worker").warning("others may change code or settings of this worker", paths=said)


def _end_offspring(worker: Worker) -> None:
    """End the processes of given-up handlers: they must not overlap their jobs' next runs."""
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
