"""The claim from a queue with limits: by priority and, if keys are limited, key by key.

A claim locks the queue's row, so that claims from such a queue run one after the other and their counts stay right.
"""

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import FromClause, Select, and_, bindparam, func, literal_column, select, update
from sqlalchemy.sql.elements import ColumnElement

from pqkit.domain.queue_limits import QueueSettings
from pqkit.sql.definitions import claim_postgresql
from pqkit.sql.definitions.builder import Declared, equal, found_by, up_to
from pqkit.sql.definitions.claim import allowed, paused, served
from pqkit.sql.definitions.tables import JOB, LEASE, QUEUE, READY

_limits = select(*(QUEUE.c[name] for name in QueueSettings._fields), QUEUE.c.rate_at).where(
    *equal(QUEUE, "name"), QUEUE.c.limited == literal_column("1")
)
LIMITS = Declared(_limits.with_for_update(), ("the_name",))
# A transaction that has locked one such row does not wait for another row: two could deadlock.
LIMITS_UNLESS_LOCKED = Declared(_limits.with_for_update(skip_locked=True), ("the_name",))
LIMITS_PEEK = Declared(_limits, ("the_name",))
SPEND = Declared(update(QUEUE).where(*equal(QUEUE, "name")).values(rate_at=bindparam("full")), ("full", "the_name"))
# By the jobs' primary key, row by row: see claim_postgresql.
_queue_of = select(JOB.c.queue).where(JOB.c.id == LEASE.c.job_id).scalar_subquery()
_key_of = select(JOB.c.limit_key).where(JOB.c.id == LEASE.c.job_id).scalar_subquery()
RUNNING_IN = Declared(
    select(_key_of.label("key"), LEASE.c.worker_id).where(_queue_of == bindparam("in_queue")), ("in_queue",)
)


def _steps(name: str, first: Select[Any], then: Callable[[ColumnElement[Any]], Select[Any]]) -> Select[Any]:
    """Each distinct value of an indexed column, by one index step each (a skip scan)."""
    values = first.cte(name, recursive=True)
    following = then(values.c.value).scalar_subquery()
    values = values.union_all(select(following).where(values.c.value.is_not(None)))
    return select(values.c.value).where(values.c.value.is_not(None))


_of_queue = equal(READY, "queue")
PRIORITIES = Declared(
    _steps(
        "priorities",
        select(func.min(READY.c.priority).label("value")).where(*_of_queue),
        lambda last: select(func.min(READY.c.priority)).where(*_of_queue, READY.c.priority > last),
    ),
    ("the_queue",),
)
_of_class = equal(READY, "queue", "priority")
KEYS = Declared(
    _steps(
        "keys",
        select(func.min(READY.c.limit_key).label("value")).where(*_of_class, READY.c.limit_key > bindparam("after")),
        lambda last: select(func.min(READY.c.limit_key)).where(*_of_class, READY.c.limit_key > last),
    ).limit(up_to("most")),
    ("the_queue", "the_priority", "after", "most"),
)
LAST_OF_CLASS = Declared(select(func.max(READY.c.job_id)).where(*_of_class), ("the_queue", "the_priority"))
# The limit key of a job that enters ``ready``, for jobs that have one.
_own_key = select(JOB.c.limit_key).where(JOB.c.id == READY.c.job_id).scalar_subquery()
_place = ("queue", "priority", "job_id")
MARK_KEY = Declared(
    update(READY).where(*equal(READY, *_place), _own_key.is_not(None)).values(limit_key=_own_key),
    tuple(f"the_{name}" for name in _place),
    many=update(READY).where(*found_by(READY, *_place), _own_key.is_not(None)).values(limit_key=_own_key),
    alike=2,
)

_params = ("in_queue", "in_priority", "now", "worker_name", "worker", "demand")
_keyed_params = (*_params[:2], "in_key", *_params[2:])
_unkeyed_params = (*_params[:2], "passed", *_params[2:])
_suspect_params = (_params[0], *_params[2:])
_open = (~paused(bindparam("in_queue"), bindparam("now")), allowed(bindparam("worker_name")))
Conditions = tuple[ColumnElement[bool], ...]


def _heads(
    of: Callable[[FromClause], Conditions], params: tuple[str, ...], *, suspect: str, by_index: bool
) -> Iterator[Declared]:
    """The query of a claim, and the same without locks for a check whether there is work.

    ``by_index``: SQLite finds the rows in a partial index, which it uses only if no other column is needed.
    """
    key = (READY.c.queue, READY.c.priority, READY.c.job_id)
    life = (READY.c.attempt + literal_column("1"), READY.c.retries, READY.c.crashes, READY.c.suspect)
    found, of_kind = READY.alias("found") if by_index else READY, READY.c.suspect == literal_column(suspect)
    source = found.join(READY, and_(*(found.c[name] == READY.c[name] for name in _place))) if by_index else READY
    core: Select[Any] = (
        select(
            *key,
            *life,
            bindparam("worker"),
            bindparam("now"),
            READY.c.since,
            *(JOB.c[name] for name in claim_postgresql.ASKED),
        )
        .select_from(source.join(JOB, JOB.c.id == READY.c.job_id))
        .where(*of(found), of_kind, *_open, served(bindparam("worker")))
        .order_by(found.c.priority, found.c.job_id)
        .limit(up_to("demand"))
    )
    for locked in (True, False):
        on_postgresql = claim_postgresql.head(*of(READY), of_kind, *_open, locked=locked)
        yield Declared(core, params, postgresql=on_postgresql)


def _class(ready: FromClause) -> Conditions:
    return ready.c.queue == bindparam("in_queue"), ready.c.priority == bindparam("in_priority")


def _of_key(ready: FromClause) -> Conditions:
    return *_class(ready), ready.c.limit_key == bindparam("in_key")


def _unkeyed(ready: FromClause) -> Conditions:
    """Rows without a key, after a job up to which all are known to have one: skips those."""
    return *_class(ready), ready.c.limit_key.is_(None), ready.c.job_id > bindparam("passed")


def _suspects(ready: FromClause) -> Conditions:
    return ready.c.queue == bindparam("in_queue"), ready.c.suspect == literal_column("1")


CLASS_HEAD, CLASS_PEEK = _heads(_class, _params, suspect="0", by_index=False)
KEY_HEAD, KEY_PEEK = _heads(_of_key, _keyed_params, suspect="0", by_index=True)
UNKEYED_HEAD, UNKEYED_PEEK = _heads(_unkeyed, _unkeyed_params, suspect="0", by_index=False)
SUSPECTS_HEAD, SUSPECTS_PEEK = _heads(_suspects, _suspect_params, suspect="1", by_index=True)
