"""Faults built into the lab's own workers: death in a chosen gap, and disabled guarantees.

The disabled guarantees are for controls.
"""

import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple
from unittest.mock import patch

from sqlalchemy import BigInteger, bindparam, delete, func
from sqlalchemy.dialects.postgresql import ARRAY

from pqkit.db import Transaction, system_clock
from pqkit.db.sqlite.open_connections import Handles
from pqkit.domain.outcomes import HELD
from pqkit.domain.queue_limits import PLAIN
from pqkit.errors import DatabaseUnavailable, NotFound
from pqkit.lab.harness.process_faults import CRIPPLES, clinging, when_on_duty
from pqkit.leasing import claim_limits, finish, worker_leases
from pqkit.leasing.run_metrics import Tally
from pqkit.maintenance import dependency_releaser
from pqkit.queue import Finished, Leases
from pqkit.sql import compiled as sql
from pqkit.sql.definitions import attempts as declared
from pqkit.sql.definitions.builder import Declared
from pqkit.sql.definitions.tables import LEASE
from pqkit.sql.statement import Statement
from pqkit.worker import file_publisher, loop
from pqkit.worker.heartbeat import Heart
from pqkit.worker.orphaned_leases import Forgotten
from pqkit.worker.slots import Slots


class Gap(NamedTuple):
    """A place to die in: before ``owner.name`` runs.

    ``here`` decides from the arguments whether this call is the place.
    """

    owner: object
    name: str
    here: Callable[..., bool]


GAPS = {
    "after_claim": Gap(Slots, "start", lambda _slots, claims: bool(claims)),
    "before_finish": Gap(Leases, "exchange", lambda _leases, finished, _demand: bool(finished)),
    "inside_finish": Gap(finish, "_write", lambda _tx, finished: bool(finished)),
    "before_rename": Gap(file_publisher, "put_in_place", lambda _staged, _target: True),
}


def build_in(fault: str) -> None:
    """Build in a fault by its name; raises NotFound for an unknown fault.

    ``GAP:N`` kills this process at the Nth passing of that gap; the names in ``WITHOUT`` are for controls.
    """
    name, _, passes = fault.partition(":")
    if name in GAPS:
        _die_in(GAPS[name], int(passes or 1))
    elif name in WITHOUT:
        WITHOUT[name]()
    else:
        raise NotFound(f"there is no fault {name!r}; there are {', '.join([*GAPS, *WITHOUT])}")


def _die_in(gap: Gap, passes: int) -> None:
    real, left = getattr(gap.owner, gap.name), iter(range(passes - 1, -1, -1))

    def deadly(*arguments: Any, **options: Any) -> Any:
        if gap.here(*arguments) and not next(left):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)

    setattr(gap.owner, gap.name, deadly)


def _without_fence() -> None:
    """Finish by job id alone, whatever worker holds the lease, and overwrite the history.

    The history's key would otherwise refuse the second row.
    """
    job, *whoever = (bindparam(f"the_{name}", type_=BigInteger) for name in declared.HELD)
    jobs, *any_of_them = (bindparam(f"the_{name}", type_=ARRAY(BigInteger)) for name in declared.HELD)
    one = delete(LEASE).where(LEASE.c.job_id == job, *(value.is_not(None) for value in whoever))
    many = delete(LEASE).where(LEASE.c.job_id == func.any(jobs), *(value.is_not(None) for value in any_of_them))
    sql.DELETE_LEASE = Declared(one, declared.DELETE_LEASE.params, many=many).compile()
    first, last = (bindparam(name, type_=BigInteger) for name in ("first", "last"))
    run = delete(LEASE).where(LEASE.c.job_id.between(first, last), *(value.is_not(None) for value in whoever))
    sql.DELETE_LEASE_RUN = Declared(run, declared.DELETE_LEASE_RUN.params).compile()
    for name, statement in history_rewritten().items():
        setattr(sql, name, statement)


def history_rewritten() -> dict[str, Statement]:
    """The statements that write the history, changed to accept a second row for an attempt."""
    inserts = {"INSERT_ATTEMPT": declared.INSERT_ATTEMPT, "INSERT_ATTEMPT_PLAIN": declared.INSERT_ATTEMPT_PLAIN}
    return {name: overwriting(inserted, "job_id", "attempt").compile() for name, inserted in inserts.items()}


def overwriting(inserted: Declared, *key: str) -> Declared:
    """The same insert with an upsert: a second row of that key overwrites the first."""
    return replace(inserted, core=_overwriting(inserted.core, key), many=_overwriting(inserted.many, key))


def _overwriting(core: Any, key: Sequence[str]) -> Any:
    values = {column.name: column for column in core.excluded}
    return core.on_conflict_do_update(index_elements=key, set_=values)


def _without_any_fence() -> None:
    """Finish every given job, held or not, and overwrite its row.

    The worker does not give up when it is declared dead.
    """
    _without_fence()
    closing = {"INSERT_CLOSED": declared.INSERT_CLOSED, "INSERT_CLOSED_PLAIN": declared.INSERT_CLOSED_PLAIN}
    for name, insert in closing.items():
        setattr(sql, name, overwriting(insert, "job_id").compile())
    setattr(worker_leases, "settle", _settle_all)  # noqa: B010 - for a type checker that module has no such attribute
    _take_away((loop.Worker, "_fall_ill"))


def _settle_all(tx: Transaction, finished: Sequence[Finished]) -> None:
    tx.run_many(sql.DELETE_LEASE, [HELD(f.claim) for f in finished])
    finish._write(tx, finished)  # noqa: SLF001


def _with_strange_pids() -> None:
    """Pretend that each worker runs in its own container and cannot check the others' pids."""
    strange = f"{system_clock.pid_space()} lab {os.getpid()}"
    system_clock.pid_space = lambda: strange


def _with_hope() -> None:
    """Take an unanswered commit for a success, without any later check."""
    from pqkit.db.postgresql.server_transaction import Write  # noqa: PLC0415 - its driver is an extra

    honest = Write._commit  # noqa: SLF001 - a control reaches into what it breaks

    def commit(write: Write) -> None:
        with suppress(DatabaseUnavailable):
            honest(write)

    patch.object(Write, "_commit", commit).start()
    patch.object(Forgotten, "found", lambda _: []).start()


def _with_open_connections() -> None:
    """Keep SQLite connections open over a fork while the child opens others, unnoticed."""
    _take_away(*CARRIED)


def _without_limits() -> None:
    """Claim without the limits of a queue that has some."""
    honest = claim_limits._room  # noqa: SLF001
    patch.object(claim_limits, "_room", lambda tx, queue, _, at, taker: honest(tx, queue, PLAIN, at, taker)).start()


def _without_patience() -> None:
    """Release at once every job that waits for others."""
    patch.object(dependency_releaser, "_look", lambda _, one: dependency_releaser.Look(one.passed, over=True)).start()


def _nothing(*_: object) -> None:
    """A replacement that does nothing."""


CARRIED = [(Handles, name) for name in ("before_fork", "after_fork", "_refuse_inherited", "refuse_lost_files")]
HISTORY, ROLLUPS = (finish, "_keep_history"), (Tally, "count")


def _take_away(*places: tuple[object, str]) -> None:
    """Replace these functions by one that does nothing, to measure their cost."""
    for owner, name in places:
        setattr(owner, name, _nothing)


WITHOUT: dict[str, Callable[[], None]] = {
    "unfenced": _without_fence,
    "no_fence": _without_any_fence,
    "strange_pids": _with_strange_pids,
    "hopeful": _with_hope,
    "carried": _with_open_connections,
    "unlimited": _without_limits,
    "impatient": _without_patience,
    **{name: partial(when_on_duty, cripple) for name, cripple in CRIPPLES.items()},
    **{f"clinging_{name}": partial(clinging, name) for name in CRIPPLES},
    "unwatched": partial(_take_away, (Heart, "watch")),
    "no_history": partial(_take_away, HISTORY),
    "no_rollups": partial(_take_away, ROLLUPS),
    "no_records": partial(_take_away, HISTORY, ROLLUPS),
}
