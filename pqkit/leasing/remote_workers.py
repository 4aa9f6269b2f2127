"""Workers that are no process of ours: they live elsewhere, in any language, and speak by single requests.

Such a life stands in the registry like any other and is under the same fence. Nobody can see its process, so that its
heartbeats alone keep its leases: every request of it is one.
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
"""What an attempt came to, from its claim and whether its cancel was asked for."""
Tell = Callable[[Sequence[Finished]], object]


class Handle(NamedTuple):
    """A lease as its worker names it. ``since`` is when the job became due, which is kept nowhere else."""

    worker_id: int
    job_id: int
    attempt: int
    since: int

    def __str__(self) -> str:
        return "-".join(f"{part:x}" for part in self)

    @classmethod
    def parse(cls, text: str) -> "Handle":
        """Raises NotFound for what is no handle."""
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
    """What a worker says of itself; no queues means all of them."""

    name: str
    slots: int
    tasks: Sequence[str]
    queues: Sequence[str] = ()


class Life(NamedTuple):
    """A remote worker as the registry keeps it. ``owner`` alone may speak for it; ``once``: it takes one job."""

    id: int
    name: str
    slots: int
    queues: tuple[str, ...]
    owner: str
    once: bool


class Remote(Leases):
    """The leases of one life, in this request and in those to come."""

    def __init__(self, database: Database, life: Life, ended: Tell = lambda _: None) -> None:
        super().__init__(database, life.name, life.slots, (), life.queues)
        self.id, self.life, self._ended = life.id, life, ended
        self._turn = threading.Lock()
        self._beaten = time.monotonic()

    def claim(self, count: int, holding: Collection[Handle]) -> list[Claim]:
        """Up to ``count`` jobs, as far as slots are free. What it has and does not say that it is ``holding``, it never
        heard of, because the answer was lost: that goes back to its place, uncharged."""
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
        """End an attempt as ``decide`` says. Raises LeaseLost when the lease is no longer this worker's; an end that
        was accepted before, and whose answer was lost, is accepted again."""
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
        """Raises NotFound when the registry has this life no more."""
        beat = self.beat()
        self._beaten = time.monotonic()
        if not beat.registered:
            raise NotFound(f"worker {self.id:x} has ended: register anew")
        return beat

    def touch(self) -> None:
        """Beat, unless it was heard of just now."""
        if time.monotonic() - self._beaten >= BEAT_EVERY:
            self.beat_now()

    def leave(self) -> None:
        """Give back what it holds, uncharged, and end."""
        with self._turn:
            now = self._database.now()
            gone = [Finished(claim, released(), None, now) for claim in self._held()]
            if gone:
                self.exchange(gone, 0, alone=False)
            self.end("stopped")

    def _machine_clock(self) -> None:
        """Nobody knows its machine."""

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
            if tx.row(sql.WAS_HELD, *_held_by(handle)):  # else the record would tell of what never was
                tx.run(sql.INSERT_REFUSAL, self._database.now(), *_held_by(handle), outcome.kind)
        raise LeaseLost(f"job {handle.job_id} is no longer this worker's")


class Remotes:
    """The remote workers of one queue. What it keeps of them is only to be quick: the registry knows them all."""

    def __init__(self, database: Database, ended: Tell = lambda _: None) -> None:
        """``ended`` is told of each end after its commit."""
        self._database, self._ended = database, ended
        self._mutex = threading.Lock()
        self._kept: OrderedDict[int, Remote] = OrderedDict()

    def register(self, owner: str, host: str, wanted: Wanted, *, once: bool = False) -> Remote:
        """Begin a life. Raises BadOrder for names that cannot be."""
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
        """A life of that owner; NotFound when there is none."""
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
    """Where its pid would count: nowhere, so this column says whose it is."""
    return f"{'once' if once else 'remote'} {owner}"


def _unknown(worker_id: int) -> NotFound:
    return NotFound(f"there is no worker {worker_id:x}")


def _held_by(handle: Handle) -> tuple[int, int, int]:
    return handle.job_id, handle.attempt, handle.worker_id


def _nothing(handle: Handle) -> Claim:
    """A claim whose lease is gone, for the word that goes on record."""
    return Claim("", 0, handle.job_id, handle.attempt, 0, 0, 0, handle.worker_id, 0, 0, "", "{}", 0, None, None, None)
