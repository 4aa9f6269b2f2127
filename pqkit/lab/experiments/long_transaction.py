"""A foreign transaction stays open while the queue works.

Dead rows must not pile up, and claims must not become slow.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from sqlalchemy import text

from pqkit.db import Database
from pqkit.domain.outcomes import completed
from pqkit.lab import Scratch
from pqkit.lab.harness.postgres_server import on_a_server
from pqkit.lab.harness.result import Progress, Result, silent
from pqkit.lab.harness.verdict import Finding
from pqkit.queue import Finished, Leases, Queue, get_queue

BATCH, LOOK_EVERY, COMPACT_EVERY = 10, 5.0, 10.0
MOST_DEAD, MOST_SLOWER = 0.2, 3.0
PART = 0.3
ROWS = """
SELECT coalesce(sum(n_dead_tup), 0)::float / greatest(sum(n_live_tup + n_dead_tup), 1) FROM pg_stat_user_tables
WHERE schemaname = current_schema()
"""


class Measured(NamedTuple):
    """The seconds of each exchange, and the share of dead rows at each sample."""

    waits: list[float]
    dead: list[float]

    @property
    def p99(self) -> float:
        return sorted(self.waits)[max(0, math.ceil(0.99 * len(self.waits)) - 1)]


def horizon(
    place: Scratch, seconds: float = 600, rate: float = 100, *, compact: bool = True, progress: Progress = silent
) -> Result:
    """Run ``rate`` jobs a second while a foreign transaction is open for ``seconds``.

    A part of that time before it is the baseline. Control: without ``compact`` the bloated tables are not rewritten.
    """
    with on_a_server(place) as there:
        queue = get_queue(there.url)
        base = _run(queue, PART * seconds, rate, compact, lambda part: progress(part * PART, "before"))
        with _stranger(queue.database):
            held = _run(queue, seconds, rate, compact, lambda part: progress(part, "a stranger's transaction is open"))
        queue.close()
    return _result(base, held, seconds, rate)


def _result(base: Measured, held: Measured, seconds: float, rate: float) -> Result:
    late = Measured(held.waits[-len(held.waits) // 5 :], held.dead)  # the last fifth, which has the most dead rows
    slower, dead = late.p99 / base.p99, max(held.dead)
    figure = (
        f"horizon: a foreign transaction open for {seconds:g} s at {rate:g} jobs/s: at most {dead:.0%} dead rows, "
        f"claim p99 {base.p99 * 1e3:.1f} ms before, {late.p99 * 1e3:.1f} ms at the end ({slower:.1f} x)"
    )
    checks = {
        f"{dead:.0%} of the rows were dead, more than {MOST_DEAD:.0%}": dead <= MOST_DEAD,
        f"claims became {slower:.1f} times slower, more than {MOST_SLOWER:g} times": slower <= MOST_SLOWER,
    }
    numbers: dict[str, object] = {"dead": dead, "base_p99": base.p99, "p99": late.p99, "slower": slower}
    return Result(figure, numbers, [Finding("horizon", None, words) for words, good in checks.items() if not good])


@contextmanager
def _stranger(database: Database) -> Iterator[None]:
    """Hold a transaction with a snapshot and an id, but without locks on the queue's tables."""
    with ExitStack() as stack:
        connection = stack.enter_context(database.engine.connect())
        connection.execution_options(isolation_level="REPEATABLE READ")
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        connection.execute(text("SELECT txid_current()"))
        yield


def _run(queue: Queue, seconds: float, rate: float, compact: bool, progress: Callable[[float], None]) -> Measured:
    """Queue and finish jobs at that rate, without handlers: only the database is measured."""
    leases, measured = queue.leases("probe", BATCH, ["lab.nap"]), Measured([], [])
    leases.register()
    begun = time.monotonic()
    look, tidy, turn = begun + LOOK_EVERY, begun + COMPACT_EVERY, begun
    finished: list[Finished] = []
    while (now := time.monotonic()) < begun + seconds:
        finished = _turn(queue, leases, finished, measured)
        if now >= look:
            leases.beat()
            measured.dead.append(_dead(queue.database))
            progress(min((now - begun) / seconds, 1))
            look += LOOK_EVERY
        if compact and now >= tidy:
            queue.database.compact()
            tidy += COMPACT_EVERY
        turn = max(turn + BATCH / rate, time.monotonic() - 1)
        time.sleep(max(0.0, turn - time.monotonic()))
    leases.exchange(finished, 0, alone=True)
    leases.end("stopped")
    return measured


def _turn(queue: Queue, leases: Leases, finished: list[Finished], measured: Measured) -> list[Finished]:
    queue.enqueue_many("lab.nap", [{"seconds": 0}] * BATCH)
    before = time.monotonic()
    turn = leases.exchange(finished, BATCH, alone=not finished)
    measured.waits.append(time.monotonic() - before)
    now = queue.database.now()
    return [Finished(claim, completed(None), now, now) for claim in turn.claims]


def _dead(database: Database) -> float:
    with database.look() as connection:
        return float(connection.execute(text(ROWS)).scalar_one())
