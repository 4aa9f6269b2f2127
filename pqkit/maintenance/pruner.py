"""Prunes old ended jobs in batches: audits, archives if wanted, seals and deletes them.

Slow work happens outside the write lock. A job whose record breaks a promise is evidence, and stays.
"""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from pqkit.audit import archive, job_history
from pqkit.audit.rules import RULES_OF_THE_ENDED, Certificate, Surroundings, judge
from pqkit.audit.seals import Seal, as_text, sealed, spans
from pqkit.db import Database, Transaction
from pqkit.domain.states import FINAL, JobState
from pqkit.domain.wall_clock_order import Step, wall_clock
from pqkit.sql import compiled as sql
from pqkit.sql.statement import Statement

Row = dict[str, Any]
SMALLEST, FIRST, GREATEST = 10, 100, 1_000
SLOW, QUICK = 0.05, 0.02
DAY = 86_400_000_000


class Pruned(NamedTuple):
    """The result of a batch: jobs deleted, and ids kept because their record breaks a promise."""

    jobs: int
    kept: list[int]


class Which(NamedTuple):
    """Jobs that ended in ``state`` before a moment (microseconds UTC), in certain queues.

    They are in one of ``queues``; with ``but``, in any other queue.
    """

    state: JobState
    before: int
    queues: Sequence[str] = ()
    but: bool = True

    def rows(self, tx: Transaction, after: tuple[int, int], most: int) -> list[tuple[int, int]]:
        """(job id, finished at) of the next jobs after (finished at, job id).

        Jobs whose files are not in place yet are left out.
        """
        statement = sql.EXPIRED if self.but else sql.EXPIRED_IN
        return tx.rows(statement, self.state.value, self.before, *after, json.dumps(list(self.queues)), most)


class Keeps(NamedTuple):
    """Days for which ended jobs are kept; None keeps them for ever.

    ``completed`` applies to completed and canceled jobs, ``dead`` to failed and unprocessable ones.
    """

    completed: float | None
    dead: float | None

    def of(self, state: JobState) -> float | None:
        return self.completed if state in {JobState.COMPLETED, JobState.CANCELED} else self.dead


class Changed(Exception):
    """A job has left its place since it was read, or another process has sealed in between."""


class Pruner:
    """Prunes in the name of ``who``; archives the jobs in ``folder`` if one is given."""

    def __init__(self, database: Database, who: str, folder: Path | None = None) -> None:
        self._database, self._who, self._folder = database, who, folder
        self._size = FIRST

    def expired(self, keeps: Keeps, now: int) -> list[Which]:
        """Find the jobs to prune at that moment (microseconds UTC).

        A queue's own settings win over ``keeps``.
        """
        with self._database.read() as tx:
            own = {name: Keeps(*days) for name, *days in tx.rows(sql.QUEUES_WITH_KEEPS)}
        found = []
        for state in FINAL:
            queues = {name: days for name, kept in own.items() if (days := kept.of(state)) is not None}
            chosen = [(days, [name], False) for name, days in queues.items()]
            for days, names, but in [(keeps.of(state), list(queues), True), *chosen]:
                if days is not None:
                    found.append(Which(state, now - round(days * DAY), names, but))
        return found

    def prune(self, which: Which) -> Iterator[Pruned]:
        """Delete these jobs and their history, a batch a step. On ArchiveError the batch stays."""
        after = (0, 0)
        while True:
            begun = time.monotonic()
            size = self._size
            with self._database.read() as tx:
                expired = which.rows(tx, after, size)
                if not expired:
                    return
                records = _records(tx, [job_id for job_id, _ in expired])
                around = _surroundings(tx, records, self._database.now())
            after = expired[-1][1], expired[-1][0]
            yield self._prune(records, around)
            self._learn(time.monotonic() - begun)
            if len(expired) < size:
                return

    def _prune(self, records: list[Row], around: Surroundings) -> Pruned:
        certificate = judge(map(job_history.of_ended, records), around, RULES_OF_THE_ENDED)
        kept = sorted({found.job_id for found in certificate.findings})
        if kept:
            records = [one for one in records if one["job"]["id"] not in kept]
            certificate = judge(map(job_history.of_ended, records), around, RULES_OF_THE_ENDED)
        if not records:
            return Pruned(0, kept)
        part = archive.add(self._folder, records, self._database.now()) if self._folder else None
        try:
            with self._database.write() as tx:
                self._delete(tx, records)
                self._seal(tx, certificate, [one["job"]["id"] for one in records], part)
        except Changed:
            return Pruned(0, kept)  # the next look reads them again
        return Pruned(len(records), kept)

    def _delete(self, tx: Transaction, records: Sequence[Row]) -> None:
        ended = [(one["job"]["id"], one["closed"]["state"], one["closed"]["finished_at"]) for one in records]
        if tx.run_many(sql.DELETE_ENDED, ended) != len(ended):
            raise Changed
        tx.run_many(sql.DELETE_JOB, [(job_id,) for job_id, _, _ in ended])

    def _seal(self, tx: Transaction, certificate: Certificate, ids: list[int], part: archive.Part | None) -> None:
        last = tx.row(sql.LAST_SEAL)
        seal = Seal(
            self._database.now(),
            self._who,
            certificate.jobs,
            certificate.runs,
            as_text(spans(ids)),
            json.dumps(certificate.states),
            certificate.checksum,
            previous=last[0] if last else "",
        )
        if part:
            seal = seal._replace(**part._asdict())
        if not tx.run(sql.INSERT_SEAL, *sealed(seal)):
            raise Changed  # another process has sealed after the same seal

    def _learn(self, seconds: float) -> None:
        """Adapt the batch size, so that no other writer waits long for the write lock."""
        if seconds > SLOW:
            self._size = max(SMALLEST, self._size // 2)
        elif seconds < QUICK:
            self._size = min(GREATEST, self._size * 2)


def _records(tx: Transaction, ids: list[int]) -> list[Row]:
    """Read the full records of these jobs, in order of id."""
    wanted = json.dumps(sorted(ids))
    closed = {row["job_id"]: row for row in _rows(tx, sql.CLOSED_OF, wanted)}
    runs, actions, lines = (
        _by_job(_rows(tx, statement, wanted)) for statement in (sql.RUNS_OF, sql.ACTIONS_OF, sql.LINES_OF)
    )
    return [
        {
            "job": job | {"args": json.loads(job["args"])},
            "closed": closed[job["id"]] | {"result": json.loads(closed[job["id"]]["result"] or "null")},
            "attempts": runs.get(job["id"], []),
            "actions": actions.get(job["id"], []),
            "lines": sorted(lines.get(job["id"], []), key=lambda line: line["at"]),
        }
        for job in _rows(tx, sql.JOBS_OF, wanted)
        if job["id"] in closed
    ]


def _rows(tx: Transaction, statement: Statement, *values: object) -> list[Row]:
    found = tx.rows(statement, *values)
    names = [column[0] for column in tx.cursor.description]
    return [dict(zip(names, row, strict=True)) for row in found]


def _by_job(rows: Iterable[Row]) -> dict[int, list[Row]]:
    return {job_id: list(group) for job_id, group in groupby(rows, lambda row: row["job_id"])}


def _surroundings(tx: Transaction, records: Sequence[Row], now: int) -> Surroundings:
    workers = json.dumps(sorted({run["worker_id"] for one in records for run in one["attempts"]}))
    steps = [Step(*row) for row in tx.rows(sql.CLOCK_STEPS)]
    lives = job_history.lives(_rows(tx, sql.LIVES_OF, workers))
    return Surroundings(now, lives, job_history.pauses(tx.rows(sql.PAUSES)), clock=wall_clock(steps))
