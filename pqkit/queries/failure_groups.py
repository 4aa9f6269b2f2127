"""Errors of one task, grouped by pattern: equal except for their particulars."""

from collections import Counter, defaultdict
from typing import NamedTuple

from sqlalchemy import Connection, Integer, and_, func, literal_column, or_, select

from pqkit.db import Database
from pqkit.domain.durations import SECOND
from pqkit.redaction.redact import redact
from pqkit.security import encryption
from pqkit.sql.definitions.tables import ROLLUP

BUCKETS = 12


class FailureGroup(NamedTuple):
    """Number of ``failures`` of a task with one error pattern, since the moment asked for.

    ``first`` and ``last`` are the roll-up times of the first one on record and of the last (microseconds UTC).
    ``example`` is the last error in full, of job ``job_id``. ``trend`` counts the failures in twelve parts of the time,
    oldest first.
    """

    task: str
    pattern: str
    failures: int
    first: int
    last: int
    example: str
    job_id: int | None
    trend: tuple[int, ...]


def failure_groups(
    database: Database, since: int, *, queue: str | None = None, task: str | None = None, most: int = 10
) -> list[FailureGroup]:
    """Return the groups with the most failures since that moment (microseconds UTC).

    It reads the roll-ups, so it reaches back only as far as they are kept.
    """
    part = max(SECOND, -(-(database.now() - since) // BUCKETS))
    with database.look() as connection:
        counted = _counted(connection, since, part, queue, task)
        largest = sorted(counted, key=lambda group: -counted[group].total())[:most]
        if not largest:
            return []
        first = _first(connection, largest)
        examples = [_example(connection, group) for group in largest]
    return [
        FailureGroup(
            group[0],
            redact(group[1]),
            counted[group].total(),
            first[group],
            last,
            redact(encryption.shown(example or group[1])),
            job_id,
            tuple(counted[group][n] for n in range(BUCKETS)),
        )
        for group, (last, example, job_id) in zip(largest, examples, strict=True)
    ]


def _counted(
    connection: Connection, since: int, part: int, queue: str | None, task: str | None
) -> dict[tuple[str, str], Counter[int]]:
    """Count the failures of each (task, pattern) in each part of the time."""
    bucket = ((ROLLUP.c.at - since) // literal_column(str(part), Integer)).label("part")
    asked = select(ROLLUP.c.task, ROLLUP.c.error, bucket, func.sum(ROLLUP.c["count"]))
    asked = asked.where(ROLLUP.c.error != literal_column("''"), ROLLUP.c.at >= since)
    for column, wanted in ((ROLLUP.c.queue, queue), (ROLLUP.c.task, task)):
        asked = asked.where(column == wanted) if wanted is not None else asked
    counted: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    for of, pattern, place, count in connection.execute(asked.group_by(ROLLUP.c.task, ROLLUP.c.error, bucket)):
        counted[of, pattern][min(BUCKETS - 1, place)] += int(count)
    return counted


def _first(connection: Connection, groups: list[tuple[str, str]]) -> dict[tuple[str, str], int]:
    these = or_(*(and_(ROLLUP.c.task == task, ROLLUP.c.error == pattern) for task, pattern in groups))
    asked = select(ROLLUP.c.task, ROLLUP.c.error, func.min(ROLLUP.c.at))
    asked = asked.where(ROLLUP.c.error != literal_column("''"), these).group_by(ROLLUP.c.task, ROLLUP.c.error)
    return {(task, pattern): at for task, pattern, at in connection.execute(asked)}


def _example(connection: Connection, group: tuple[str, str]) -> tuple[int, str | None, int | None]:
    asked = select(ROLLUP.c.at, ROLLUP.c.example, ROLLUP.c.example_job)
    asked = asked.where(ROLLUP.c.error != literal_column("''"), ROLLUP.c.task == group[0], ROLLUP.c.error == group[1])
    at, example, job_id = connection.execute(asked.order_by(ROLLUP.c.at.desc()).limit(1)).one()
    return at, example, job_id
