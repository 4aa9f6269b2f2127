"""Checks of a queue on any database: stuck jobs, files without jobs, old backups."""

from collections.abc import Callable, Iterator
from typing import Any

from pqkit import queries
from pqkit.backup.backup_folder import age, in_folder
from pqkit.cleanup.stamped_files import orphans, useless
from pqkit.cli import output as out
from pqkit.cli.doctor.finding import Finding
from pqkit.db import Database
from pqkit.domain.durations import SECOND
from pqkit.maintenance.pruner import Keeps, Pruner
from pqkit.queries.encryption_keys import keys_in_use
from pqkit.queue import Queue
from pqkit.security import encryption
from pqkit.settings import settings

STUCK_AFTER = 60.0
YOUNG = 60.0
HOUR = 3_600.0


def look(database: Database) -> Iterator[Finding]:
    """Run every check."""
    for check in CHECKS:
        yield from check(database)


def _places(database: Database) -> Iterator[Finding]:
    misplaced = queries.misplaced(database)
    if misplaced:
        yield Finding("places", "fail", f"{out.many(len(misplaced))} not in one place", "pqkit db check")
    else:
        yield Finding("places", "ok", "every job is in exactly one place")


def _workers(database: Database) -> Iterator[Finding]:
    living = queries.workers(database)
    silent = [w.name for w in living if w.heartbeat_age is None or w.heartbeat_age > settings().rescue_after]
    if silent:
        yield Finding("workers", "warn", f"no heartbeat from {out.names(silent)}", "pqkit worker (any worker rescues)")
    else:
        yield Finding("workers", "ok", f"{len(living)} living")


def _served(database: Database) -> Iterator[Finding]:
    groups = queries.unserved(database)
    if not groups:
        yield Finding("served", "ok", "every pending job has a worker that may take it")
        return
    first = groups[0]
    found = f"no worker for {out.many(first.jobs)} of {first.task} in queue {first.queue}"
    found += f" (assigned to {first.assigned_to})" if first.assigned_to else ""
    found += f", and {len(groups) - 1} more kinds" if len(groups) > 1 else ""
    mend = f"pqkit jobs assign --task {first.task} --anyone" if first.assigned_to else "pqkit worker --tasks MODULE"
    yield Finding("served", "warn", found, mend)


def _queues(database: Database) -> Iterator[Finding]:
    """Queues with waiting jobs of which none runs, although workers live."""
    now, living = (
        database.now(),
        [w for w in queries.workers(database) if (w.heartbeat_age or STUCK_AFTER) < STUCK_AFTER],
    )
    found = 0
    for queue in queries.queues(database):
        if queue.pending and queue.paused_at is not None and (queue.paused_until or now + 1) > now:
            found += 1
            said = f"{queue.name} is paused by {queue.paused_by} for {out.span((now - queue.paused_at) / SECOND)}"
            yield Finding(
                "queues", "warn", f"{said}, {out.many(queue.pending)} wait", f"pqkit queues resume {queue.name}"
            )
        elif living and not queue.processing and (queue.oldest_pending_age or 0) > STUCK_AFTER:
            found += 1
            said = f"nothing of {queue.name} runs, its oldest job waits for {out.span(queue.oldest_pending_age)}"
            yield Finding(
                "queues", "warn", said, f"pqkit jobs list --state pending --queue {queue.name}, then pqkit why JOB"
            )
    if not found:
        yield Finding("queues", "ok", "none is stuck")


def _maintenance(database: Database) -> Iterator[Finding]:
    """Maintenance duties that fail repeatedly on a living worker."""
    failing = queries.failing_duties(database)
    for one in failing:
        left = ", and it has left maintenance to others" if one.resigned else ""
        said = f"{one.duty} fails on {one.worker}: {one.error}{left}"
        yield Finding("maintenance", "warn", said, f"end the cause, or restart worker {one.worker}")
    if not failing:
        yield Finding("maintenance", "ok", "no duty fails")


def _due(database: Database) -> Iterator[Finding]:
    due = Queue(database).upkeep().next_due()
    late = 0.0 if due is None else (database.now() - due) / SECOND
    if late > STUCK_AFTER:
        said = f"a job is due for {out.span(late)}, and nobody has staged it"
        yield Finding("due", "warn", said, "pqkit worker (any worker stages)")
    else:
        yield Finding("due", "ok", "what is due is staged")


def _files(database: Database) -> Iterator[Finding]:
    """The demo's files, if there are any."""
    folder = settings().files
    if not folder.is_dir() or folder.is_symlink():
        return
    queue = Queue(database)
    try:
        left = [file for file in useless(queue, folder, YOUNG) if file.name.startswith(".")]
        lost = orphans(queue, folder, YOUNG)
    except encryption.KeyMissing:
        return  # the check of keys names the key
    if lost:
        said = f"{out.many(len(lost), 'file')} in {folder} without a job, such as {lost[0].name}"
        yield Finding("files", "warn", said, "pqkit producer --once (a producer adopts them)")
    if left:
        said = f"{out.many(len(left), 'staged left-over')} in {folder}"
        yield Finding("files", "warn", said, "pqkit files clean --older-than 1m")
    if not lost and not left:
        yield Finding("files", "ok", f"every file in {folder} has its job")


def _keys(database: Database) -> Iterator[Finding]:
    try:
        known = encryption.known()
    except encryption.KeyMissing as error:
        yield Finding("keys", "fail", str(error), str(error).rpartition(": ")[2])
        return
    used = keys_in_use(database)
    for use in used:
        if use.key not in known and use.unfinished:
            said = f"{out.many(use.unfinished)} wait for key {use.key}, which is not here"
            yield Finding("keys", "warn", said, "add that key to PQKIT_KEY_FILE, here or where the workers are")
    if settings().encrypt == "all" and not known:
        yield Finding("keys", "fail", "everything is to be encrypted, and there is no key", "pqkit keys new")
    if all(use.key in known for use in used):
        yield Finding("keys", "ok", f"{out.many(len(known), 'key')}, {out.many(sum(u.jobs for u in used))} encrypted")


def _backups(_database: Database) -> Iterator[Finding]:
    folder = settings().backups
    if folder is None:
        yield Finding("backups", "ok", "none by schedule (setting PQKIT_BACKUPS)")
        return
    made = in_folder(folder) if folder.is_dir() else []
    if not made or age(made[-1]) > 2 * settings().backup_every * HOUR:
        said = f"the last one is {out.span(age(made[-1]))} old" if made else f"there is none in {folder}"
        yield Finding("backups", "warn", said, f"pqkit db backup {folder}, and a worker for the next ones")
    else:
        yield Finding("backups", "ok", f"the last one is {out.span(age(made[-1]))} old")


def _retention(database: Database) -> Iterator[Finding]:
    """Jobs that are more than an hour overdue for pruning."""
    keeps = Keeps(settings().keep_completed, settings().keep_dead)
    chosen = Pruner(database, "doctor").expired(keeps, database.now() - round(HOUR * SECOND))
    late = sum(queries.ended(database, one.state, one.before, one.queues, but=one.but) for one in chosen)
    if late:
        said = f"{out.many(late)} should have been pruned for an hour"
        yield Finding(
            "retention", "warn", said, "pqkit audit (a job whose record breaks a promise stays), pqkit db prune"
        )
    else:
        yield Finding("retention", "ok", "nothing is kept longer than it should be")


CHECKS: tuple[Callable[[Any], Iterator[Finding]], ...] = (
    _places,
    _workers,
    _served,
    _queues,
    _maintenance,
    _due,
    _files,
    _keys,
    _backups,
    _retention,
)
