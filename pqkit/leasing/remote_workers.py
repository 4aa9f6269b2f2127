"""Remote workers: processes elsewhere, in any language, that speak single REST requests.

A remote worker is in the registry like any other and under the same fence. pqkit cannot see its process, so only its
heartbeats keep its leases: every request counts as one.
"""

import json
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from pqkit.db import Database
from pqkit.domain.names import check_name
from pqkit.domain.outcomes import Claim, Outcome, is_private, released
from pqkit.errors import LeaseLost, NotFound
from pqkit.leasing.finished_attempt import Finished
from pqkit.leasing.worker_leases import Beat, Leases
from pqkit.security import encryption
from pqkit.sql import compiled as sql
from pqkit.version import VERSION

MOST_SLOTS = 100
KEPT = 1_000
BEAT_EVERY = 1.0
UNHEARD = "its worker never heard of it"
Decide = Callable[[Claim, bool], Outcome]
"""Decides an attempt's outcome from its claim and whether a cancel was requested."""
Tell = Callable[[Sequence[Finished]], object]


class Handle(NamedTuple):
    """A lease as its worker names it. ``since`` is when the job became due, stored nowhere else."""

    worker_id: int
    job_id: int
    attempt: int
    since: int

    def __str__(self) -> str:
        return "-".join(f"{part:x}" for part in self)

    @classmethod
    def parse(cls, text: str) -> "Handle":
        """Parse a handle. Raises NotFound for an invalid one."""
        try:
            handle = cls(*(int(part, 16) for part in text.split("-")))
        except (TypeError, ValueError):
            handle = cls(-1, -1, -1, -1)
        if not all(0 <= part < 2**63 for part in handle) or handle.attempt >= 2**31 or str(handle) != text:
            raise NotFound(f"{text[:80]!r} is no lease")
        return handle


def handle_of(claim: Claim) -> Handle:
    return Handle(claim.worker_id, claim.job_id, claim.attempt, claim.since)


class Wanted(NamedTuple):
    """A worker's registration; no queues means all of them."""

    name: str
    slots: int
    tasks: Sequence[str]
    queues: Sequence[str] = ()


class Life(NamedTuple):
    """A remote worker as the registry stores it.

    Only ``owner`` may act for it; a ``once`` worker takes a single job.
    """

    id: int
    name: str
    slots: int
    queues: tuple[str, ...]
    owner: str
    once: bool


class Remote(Leases):
    """The leases of one remote worker, across its requests."""

    def __init__(self, database: Database, life: Life, ended: Tell = lambda _: None) -> None:
        super().__init__(database, life.name, life.slots, (), life.queues)
        self.id, self.life, self._ended = life.id, life, ended
        self._turn = threading.Lock()
        self._beaten = time.monotonic()

    def claim(self, count: int, holding: Collection[Handle]) -> list[Claim]:
        """Claim up to ``count`` jobs into free slots.

        A lease that is not in ``holding`` was lost with an unanswered response: it goes back to its place, uncharged.
        """
        with self._turn:
            self.touch()
            known = {handle[:3] for handle in holding}
            held = self._held()
            lost = [claim for claim in held if handle_of(claim)[:3] not in known]
            kept = [claim for claim in held if claim not in lost]
            room = min(count, self.slots - len(kept))
            if not lost and not (room > 0 and self.waiting()):
                return []
            now = self._database.now()
            gone = [Finished(claim, released(UNHEARD), None, now) for claim in lost]
            self._has_suspect = any(claim.suspect for claim in kept)
            return self.exchange(gone, room, alone=not kept).claims

    def conclude(self, handle: Handle, decide: Decide) -> Outcome:
        """End an attempt as ``decide`` says. Raises LeaseLost if the worker no longer holds it.

        An end that was accepted before, and whose answer was lost, is accepted again.
        """
        with self._turn:
            with self._database.read() as tx:
                rows = [row for row in tx.rows(sql.LEASES_OF, self.id, MOST_SLOTS) if row[2:4] == handle[1:3]]
                stands = tx.row(sql.STANDS, *_held_by(handle))
            asked = bool(rows and rows[0][-1] is not None)
            claim = Claim._make(rows[0][:-1])._replace(since=handle.since) if rows else _nothing(handle)
            hide = encryption.close_outcome if is_private(claim) else encryption.keep_outcome_plain
            outcome = hide(decide(claim, asked))
            if rows:
                self._conclude(claim, outcome)
            elif not stands or stands[0] != outcome.kind:
                self._refuse(handle, outcome)
            self.end("its one job has ended") if self.life.once else self.touch()
            return outcome

    def beat_now(self) -> Beat:
        """Send a heartbeat. Raises NotFound if the registry no longer has this worker."""
        beat = self.beat()
        self._beaten = time.monotonic()
        if not beat.registered:
            raise NotFound(f"worker {self.id:x} has ended: register anew")
        return beat

    def touch(self) -> None:
        """Send a heartbeat unless one was sent within the last second."""
        if time.monotonic() - self._beaten >= BEAT_EVERY:
            self.beat_now()

    def leave(self) -> None:
        """Give back the leases, uncharged, and end."""
        with self._turn:
            now = self._database.now()
            gone = [Finished(claim, released(), None, now) for claim in self._held()]
            if gone:
                self.exchange(gone, 0, alone=False)
            self.end("stopped")

    def _machine_clock(self) -> None:
        """None: a remote worker's machine is unknown."""

    def _held(self) -> list[Claim]:
        with self._database.read() as tx:
            return [Claim._make(row[:-1]) for row in tx.rows(sql.LEASES_OF, self.id, MOST_SLOTS)]

    def _conclude(self, claim: Claim, outcome: Outcome) -> None:
        finished = Finished(claim, outcome, claim.claimed_at, self._database.now())
        if self.exchange([finished], 0, alone=False).refused:
            raise LeaseLost(f"job {claim.job_id} is no longer this worker's")
        self._ended([finished])

    def _refuse(self, handle: Handle, outcome: Outcome) -> None:
        with self._database.write() as tx:
            if tx.row(sql.WAS_HELD, *_held_by(handle)):  # otherwise the record would name a lease that never existed
                tx.run(sql.INSERT_REFUSAL, self._database.now(), *_held_by(handle), outcome.kind)
        raise LeaseLost(f"job {handle.job_id} is no longer this worker's")


class Remotes:
    """The remote workers of one queue. It is only a cache: the registry knows them all."""

    def __init__(self, database: Database, ended: Tell = lambda _: None) -> None:
        """``ended`` is called with each end after its commit."""
        self._database, self._ended = database, ended
        self._mutex = threading.Lock()
        self._kept: OrderedDict[int, Remote] = OrderedDict()

    def register(self, owner: str, host: str, wanted: Wanted, *, once: bool = False) -> Remote:
        """Register a worker. Raises BadOrder for invalid names."""
        names = [("worker", [wanted.name]), ("task", wanted.tasks), ("queue", wanted.queues)]
        for what, given in names:
            for name in given:
                check_name(what, name)
        life = Life(secrets.randbits(63), wanted.name, wanted.slots, tuple(wanted.queues), owner, once)
        now, (boot, beat) = self._database.now(), self._database.lease_clock()
        me = (life.id, life.name, host, 0, 0, _space(owner, once=once), boot, beat, life.slots)
        with self._database.write() as tx:
            tx.run(sql.INSERT_WORKER, *me, json.dumps(life.queues) if life.queues else None, VERSION, now, now, 0, None)
            tx.run_many(sql.INSERT_WORKER_TASK, [(life.id, task) for task in dict.fromkeys(wanted.tasks)])
        return self._keep(Remote(self._database, life, self._ended))

    def find(self, owner: str, worker_id: int) -> Remote:
        """Find a worker of that owner. Raises NotFound if there is none."""
        with self._mutex:
            kept = self._kept.get(worker_id)
        if kept is None:
            kept = self._keep(self._read(owner, worker_id))
        if kept.life.owner != owner:
            raise _unknown(worker_id)
        return kept

    def tasks_waiting(self, queue: str) -> list[str]:
        """The tasks at the head of a queue."""
        with self._database.read() as tx:
            return list(dict.fromkeys(task for (task,) in tx.rows(sql.TASKS_AT_HEAD, queue, MOST_SLOTS)))

    def _read(self, owner: str, worker_id: int) -> Remote:
        with self._database.read() as tx:
            row = tx.row(sql.REMOTE_LIFE, worker_id)
        if row is None or row[3] not in {_space(owner, once=once) for once in (True, False)}:
            raise _unknown(worker_id)
        queues = tuple(json.loads(row[2])) if row[2] else ()
        once = row[3] == _space(owner, once=True)
        life = Life(worker_id, row[0], row[1], queues, owner, once)
        return Remote(self._database, life, self._ended)

    def _keep(self, remote: Remote) -> Remote:
        with self._mutex:
            self._kept[remote.id] = remote
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return remote


def _space(owner: str, *, once: bool) -> str:
    """The value of ``pid_space``: a remote worker has no pid, so it holds the owner."""
    return f"{'once' if once else 'remote'} {owner}"


def _unknown(worker_id: int) -> NotFound:
    return NotFound(f"there is no worker {worker_id:x}")


def _held_by(handle: Handle) -> tuple[int, int, int]:
    return handle.job_id, handle.attempt, handle.worker_id


def _nothing(handle: Handle) -> Claim:
    """A stand-in claim for a lost lease, for the word on record."""
    return Claim("", 0, handle.job_id, handle.attempt, 0, 0, 0, handle.worker_id, 0, 0, "", "{}", 0, None, None, None)
