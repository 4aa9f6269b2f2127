"""One worker's calls to the queue: register, exchange, heartbeat, end, all under the fence."""

import json
import os
import secrets
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from pqkit.db import Database, Transaction, system_clock
from pqkit.domain.durations import SECOND
from pqkit.domain.outcomes import CLAIM, LEASE, READY_KEY, Claim
from pqkit.errors import DatabaseUnavailable
from pqkit.leasing import run_metrics
from pqkit.leasing.bounded_walk import next_names
from pqkit.leasing.claim_limits import Limited, Taker, spend
from pqkit.leasing.finish import SomeRefused, settle, settle_each
from pqkit.leasing.finished_attempt import Finished
from pqkit.leasing.run_metrics import Counted, Tally
from pqkit.leasing.unconfirmed_commits import MOST, Doubts
from pqkit.sql import compiled as sql
from pqkit.version import VERSION


class Turn(NamedTuple):
    """The result of an exchange: the new claims, and the finishes that the fence refused."""

    claims: list[Claim]
    refused: list[Finished]


class Beat(NamedTuple):
    """The answer to a heartbeat: is the worker still registered, and which jobs to cancel."""

    registered: bool
    cancel: frozenset[int]


class Report(NamedTuple):
    """A line or a progress note of a running attempt; ``fraction`` is None for a line."""

    claim: Claim
    at: int
    fraction: float | None
    text: str


class Leases:
    """The leases of one worker process. ``id`` is random, so no later worker is mistaken for it."""

    def __init__(
        self, database: Database, name: str, slots: int, tasks: Iterable[str], queues: Sequence[str] = ()
    ) -> None:
        self.id = secrets.randbits(63)
        self.name, self.slots, self.queues = name, slots, tuple(queues)
        self._database, self._tasks = database, tuple(tasks)
        self._last_queue = ""
        self._has_suspect = False
        self._claimed_at: list[int] = []
        self._doubts = Doubts()
        self._limited = Limited(database)
        self._tally = Tally()

    def register(self) -> None:
        """Insert this worker and its tasks into the registry."""
        pid, now = os.getpid(), self._database.now()
        boot, beat = self._database.lease_clock()
        me = (
            self.id,
            self.name,
            socket.gethostname(),
            pid,
            system_clock.process_start(pid) or 0,
            system_clock.pid_space(),
            boot,
            beat,
        )
        with self._database.write() as tx:
            tx.run(
                sql.INSERT_WORKER,
                *me,
                self.slots,
                json.dumps(self.queues) if self.queues else None,
                VERSION,
                now,
                now,
                system_clock.memory(),
                self._machine_clock(),
            )
            tx.run_many(sql.INSERT_WORKER_TASK, [(self.id, name) for name in self._tasks])

    def resume(self) -> None:
        """Register again after ``end``, in the same row, for a worker that runs only now and then."""
        now = self._database.now()
        with self._database.write() as tx:
            moment = (*self._database.lease_moment(), now, self._machine_clock())
            revived = tx.run(sql.REVIVE_WORKER, *moment, self.id)
            if revived:
                tx.run_many(sql.INSERT_WORKER_TASK, [(self.id, name) for name in self._tasks])
        if not revived:  # it is new, or its row was pruned
            self.register()

    def exchange(
        self, finished: Sequence[Finished], demand: int, *, alone: bool, reports: Sequence[Report] = ()
    ) -> Turn:
        """Finish ended attempts and claim up to ``demand`` jobs, in one transaction.

        ``alone``: nothing else runs here; only then is a suspect claimed, with no other job beside it while it runs.
        ``reports`` are the finished attempts' last reports.
        """
        self._claimed_at = []
        try:
            turn = self._exchange(finished, demand, alone, reports)
        except DatabaseUnavailable:
            self._doubts.note(self._claimed_at)
            raise
        self.count([f for f in finished if f not in turn.refused] if turn.refused else finished)
        return turn

    def _exchange(self, finished: Sequence[Finished], demand: int, alone: bool, reports: Sequence[Report]) -> Turn:
        try:
            with self._begun(reports) as tx:
                if finished:
                    settle(tx, finished)
                return Turn(self._claim(tx, demand, alone=alone), [])
        except SomeRefused:
            with self._begun(reports) as tx:
                refused = settle_each(tx, finished, again=bool(self._doubts))
                return Turn(self._claim(tx, demand, alone=alone), refused)

    @contextmanager
    def _begun(self, reports: Sequence[Report]) -> Iterator[Transaction]:
        """Begin an exchange's transaction with the writes that come first in each."""
        with self._database.write() as tx:
            if self._doubts:
                self._doubts.give_back(tx, self.id, self._database.now())
            self._keep(tx, reports)
            yield tx

    def count(self, finished: Iterable[Finished]) -> None:
        """Count accepted finishes for the roll-ups; ``exchange`` counts its own."""
        self._tally.count(finished)

    def renamed(self, files: Sequence[tuple[int, str]]) -> None:
        """Delete the file intents (job id, staged path) whose renames are done."""
        with self._database.write() as tx:
            tx.run_many(sql.DELETE_INTENT, files)

    def waiting(self) -> bool:
        """True if this worker could claim a job now; takes no write lock."""
        if self._doubts:
            return True
        if not self.queues and self._database.row(sql.QUEUES_WITH_WORK, "", 1) is None:
            return False
        now = self._database.now()
        self._limited.begin()
        with self._database.read() as tx:
            names, rest = self._queue_names(tx)
            if any(self._has_work(tx, name, now) for name in names):
                return True
            self._go_on_after(names, rest, now)
        return False

    def _has_work(self, tx: Transaction, name: str, now: int) -> bool:
        mine = (name, now, self.name, self.id, 1)
        return bool(
            tx.row(sql.PEEK, *mine)
            or tx.row(sql.SUSPECT_PEEK, *mine)
            or self._limited.heads(tx, name, self._taker(now), 1, peek=True)
        )

    def held_for(self, seconds: float) -> list[tuple[Claim, int | None]]:
        """The leases held for ``seconds`` or longer, each with the time of its cancel request."""
        before = self._database.now() - round(seconds * SECOND)
        with self._database.read() as tx:
            held = [(Claim._make(row[:-1]), row[-1]) for row in tx.rows(sql.LEASES_OF, self.id, MOST)]
        return [(claim, asked) for claim, asked in held if claim.claimed_at < before]

    def patience(self, most: float) -> float:
        """Seconds until the next look, at most ``most``; less if a rate lets a job start sooner."""
        at = self._limited.next_at
        return most if at is None else min(most, max(0.0, (at - self._database.now()) / SECOND))

    def beat(self, reports: Sequence[Report] = (), *, stopping: bool = False, running: bool = True) -> Beat:
        """Send a heartbeat: renew all leases in one row, write reports, and fetch cancel requests.

        Cancel requests are fetched only while the worker is ``running`` jobs.
        """
        now = self._database.now()
        moment = (*self._database.lease_moment(), now, self._machine_clock())
        me = (*moment, system_clock.memory(), now if stopping else None, self.id)
        with self._rolled_up() as counted:
            alive = self._beat(me, counted, reports)
        asked = self._database.rows(sql.CANCEL_ASKED, self.id) if running else ()
        return Beat(bool(alive), frozenset(job_id for (job_id,) in asked))

    def _machine_clock(self) -> int | None:
        return self._database.machine_clock()

    def _beat(self, me: tuple[object, ...], counted: Counted, reports: Sequence[Report]) -> int:
        if not counted and not reports:
            return self._database.write_one(sql.BEAT, *me)
        with self._database.write() as tx:
            run_metrics.write(tx, counted, self.id)
            self._keep(tx, reports)
            return tx.run(sql.BEAT, *me)

    def end(self, reason: str) -> None:
        """End this registration; the row stays as history."""
        with self._rolled_up() as counted, self._database.write() as tx:
            run_metrics.write(tx, counted, self.id)
            tx.run(sql.END_WORKER, self._database.now(), reason, self.id)
            tx.run(sql.DELETE_WORKER_TASKS, self.id)

    @contextmanager
    def _rolled_up(self) -> Iterator[Counted]:
        """Take the counts; put them back if the transaction fails."""
        counted = self._tally.take()
        try:
            yield counted
        except BaseException:
            self._tally.give_back(counted)
            raise

    def _claim(self, tx: Transaction, demand: int, *, alone: bool) -> list[Claim]:
        self._has_suspect = self._has_suspect and not alone
        # A job that runs beside a suspect becomes a suspect itself, and the cause would never be found.
        if demand <= 0 or self._has_suspect:
            return []
        now = self._database.now()
        self._claimed_at = [now]
        claims: list[Claim] = []
        self._limited.begin()
        names, rest = self._queue_names(tx)
        for name in names:
            suspects = tx.rows(sql.SUSPECT_HEAD, name, now, self.name, self.id, 1)
            if suspects and not alone:
                return self._lease(tx, claims)  # claim no more, so that running jobs end and the suspect can run alone
            if suspects and not claims:
                self._has_suspect = True
                return self._lease(tx, [Claim._make(suspects[0])])
            rows = tx.rows(sql.HEAD, name, now, self.name, self.id, demand - len(claims))
            claims += map(CLAIM, rows)
            if not rows:
                rows = self._limited.heads(tx, name, self._taker(now), demand - len(claims))
                if rows and rows[0].suspect and (claims or not alone):
                    break  # as above
                claims += self._accept(tx, rows)
            if rows:
                self._last_queue = name
            if len(claims) == demand or self._has_suspect:
                break
        else:
            self._go_on_after(names, rest, now)
        return self._lease(tx, claims)

    def _accept(self, tx: Transaction, claims: list[Claim]) -> list[Claim]:
        """Accept these claims from a queue with limits."""
        if claims:
            self._claimed_at.append(claims[0].claimed_at)
            spend(tx, claims[0].queue, claims[0].claimed_at, len(claims))
            self._has_suspect = bool(claims[0].suspect)
        return claims

    def _taker(self, now: int) -> Taker:
        return Taker(self.id, self.name, self.slots, now)

    def _lease(self, tx: Transaction, claims: list[Claim]) -> list[Claim]:
        if claims and _follow_each_other(claims):
            run = (*claims[0][:2], claims[0].job_id, claims[-1].job_id)
            tx.run(sql.LEASE_RUN, self.id, claims[0].claimed_at, *run)
            tx.run(sql.DELETE_READY_RUN, *run)
        elif claims:
            tx.run_many(sql.INSERT_LEASE, map(LEASE, claims))
            tx.run_many(sql.DELETE_READY, map(READY_KEY, claims))
        return claims

    def _queue_names(self, tx: Transaction) -> tuple[list[str], float | None]:
        """The queues to look at, beginning after the last one served, so that no queue starves."""

        def read(after: str, limit: int) -> list[str]:
            return [name for (name,) in tx.rows(sql.QUEUES_WITH_WORK, after, limit)]

        def read_own(after: str, limit: int) -> list[str]:
            return [name for name in sorted(self.queues) if name > after][:limit]

        return next_names(read_own if self.queues else read, self._last_queue)

    def _go_on_after(self, names: list[str], rest: float | None, now: int) -> None:
        """Make the next look begin after these queues, if more remain."""
        if rest is not None:
            self._last_queue = names[-1]
            self._limited.look_again(now, rest)

    @staticmethod
    def _keep(tx: Transaction, reports: Sequence[Report]) -> None:
        for claim, at, fraction, text in sorted(reports, key=_job_of):
            held = (claim.job_id, claim.attempt, claim.worker_id)
            if fraction is None:
                tx.run(sql.REPORT_LINE, at, text, *held)
            else:
                tx.run(sql.DELETE_PROGRESS, claim.job_id)
                tx.run(sql.REPORT_PROGRESS, at, fraction, text, *held)


def _job_of(report: Report) -> int:
    """Sort key: writers of the same jobs lock them in the same order."""
    return report.claim.job_id


def _follow_each_other(claims: Sequence[Claim]) -> bool:
    """True if no other job can stand between the first and the last claim.

    They then share queue and priority, and their ids are consecutive. Claims are ordered by priority and id within a
    queue, so the two ends suffice.
    """
    first, last = claims[0], claims[-1]
    return first[:2] == last[:2] and last.job_id - first.job_id == len(claims) - 1
