"""Summary of selected jobs, to show what an action on all of them would touch."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Executable, Row, select

from pqkit.db import Database
from pqkit.domain.error_groups import pattern
from pqkit.domain.states import JobState
from pqkit.models import job_state
from pqkit.redaction.redact import redact
from pqkit.security import encryption

CHUNK = 500  # bound parameters in one statement
SHOWN_GROUPS = 12


class Alike(NamedTuple):
    """Jobs whose last errors share one pattern; ``example`` is the id of one of them."""

    pattern: str
    jobs: int
    example: int


class Survey(NamedTuple):
    """A summary of selected jobs.

    ``frozen`` is the state of each when it was read, in the order of selection; ``oldest`` and ``newest`` are when the
    first and the last of them were queued.
    """

    frozen: dict[int, JobState]
    states: dict[JobState, int]
    queues: dict[str, int]
    tasks: dict[str, int]
    oldest: int | None
    newest: int | None
    errors: list[Alike]


def survey(database: Database, job_ids: Sequence[int]) -> Survey:
    """Summarize these jobs, without missing ones."""
    with database.look() as connection:
        rows = {row.id: row for row in _rows(connection, job_ids)}
    found = [rows[job_id] for job_id in dict.fromkeys(job_ids) if job_id in rows]
    states = Counter(JobState(row.state) for row in found)
    created = [row.created_at for row in found]
    return Survey(
        {row.id: JobState(row.state) for row in found},
        {state: states[state] for state in JobState if states[state]},
        dict(Counter(row.queue for row in found).most_common()),
        dict(Counter(row.task for row in found).most_common()),
        min(created, default=None),
        max(created, default=None),
        _groups(found),
    )


def _rows(connection: Connection, job_ids: Sequence[int]) -> Iterator[Row[Any]]:
    for start in range(0, len(job_ids), CHUNK):
        yield from connection.execute(survey_statement(job_ids[start : start + CHUNK]))


def survey_statement(job_ids: Sequence[int]) -> Executable:
    columns = ("id", "state", "queue", "task", "created_at", "error")
    return select(*(job_state.c[name] for name in columns)).where(job_state.c.id.in_(job_ids))


def last_line(error: str) -> str:
    """Return the last line of an error, in which a traceback names the exception."""
    return error.strip().rpartition("\n")[2].strip()


def _groups(rows: Sequence[Row[Any]]) -> list[Alike]:
    groups: dict[str, list[int]] = {}
    for row in rows:
        if row.error:
            groups.setdefault(pattern(last_line(redact(encryption.shown(row.error)))), []).append(row.id)
    found = [Alike(words, len(ids), ids[0]) for words, ids in groups.items()]
    return sorted(found, key=lambda group: -group.jobs)[:SHOWN_GROUPS]
