"""Finding the jobs of one page: a walk down an index that ends at the page's limit, however many jobs there are."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, Table, desc, exists, false, literal, or_, select, tuple_
from sqlalchemy.sql.elements import ColumnElement

from pqkit.columns import compact
from pqkit.fingerprint import GAP
from pqkit.models import table
from pqkit.states import JobState, Place

JOB, READY, DELAYED, LEASE, CLOSED = (table(name) for name in ("job", "ready", "delayed", "lease", "closed"))

Values = tuple[int | str, ...]


@dataclass(frozen=True)
class Filter:
    """Which jobs. Ages are seconds since the job was created; ``text`` is looked for in the stored arguments, ``error``
    in the last error, both as they are, in any case of ASCII letters; ``group`` is a pattern of errors."""

    states: tuple[JobState, ...] = ()
    queue: str | None = None
    task: str | None = None
    older_than: float | None = None
    newer_than: float | None = None
    text: str | None = None
    error: str | None = None
    group: str | None = None


class Key(NamedTuple):
    """Where a page ended, for ``before`` of the next one: the place it walked (None: ``job``) and the row's key."""

    place: Place | None
    values: Values


class Found(NamedTuple):
    """One job on a walk."""

    id: int
    key: Key


class Walk(NamedTuple):
    """The index to walk backwards: its columns in order, of which the last is the job's id, and what it starts with."""

    place: Place | None
    table: Table
    order: tuple[ColumnElement[int | str], ...]
    start: tuple[ColumnElement[bool], ...] = ()


class Page(NamedTuple):
    """Which part of the list: so many jobs after ``before``, from its end where ``oldest`` first."""

    limit: int
    before: Key | None = None
    oldest: bool = False


def find(connection: Connection, wanted: Filter, now: int, page: Page) -> list[Found]:
    """The jobs of that page, in the order that ``jobs`` documents."""
    found: list[Found] = []
    limit, before, oldest = page
    for group in sorted(walks(wanted.states), key=lambda group: _rank(group[0].place), reverse=oldest):
        place = group[0].place
        if before is not None and (_rank(place) - _rank(before.place)) * (-1 if oldest else 1) < 0:
            continue
        room = limit - len(found)
        part = Page(room, before if before is not None and before.place is place else None, oldest)
        asked = [statement(walk, wanted, now, part) for walk in group]
        rows = [row for each in asked for row in connection.execute(each)]
        found += [Found(row[-1], Key(place, tuple(row))) for row in sorted(rows, reverse=not oldest)[:room]]
        if len(found) == limit:
            break
    return found


RANKS = (None, Place.LEASE, Place.READY, Place.DELAYED, Place.CLOSED)


def _rank(place: Place | None) -> int:
    return RANKS.index(place)


def walks(states: tuple[JobState, ...]) -> Iterator[list[Walk]]:
    """The walks of each place that holds one of ``states``; of ``job`` itself where any state will do."""
    if not states:
        yield [Walk(None, JOB, (JOB.c.id,))]
    for place in {state.place: None for state in states}:
        yield [_walk(state) for state in dict.fromkeys(states) if state.place is place]


def _walk(state: JobState) -> Walk:
    match state.place:
        case Place.LEASE:
            return Walk(Place.LEASE, LEASE, (LEASE.c.job_id,))
        case Place.READY:
            return Walk(Place.READY, READY, (READY.c.queue, READY.c.priority, READY.c.job_id))
        case Place.DELAYED:
            return Walk(Place.DELAYED, DELAYED, (DELAYED.c.due_at, DELAYED.c.job_id), (DELAYED.c.state == state,))
        case Place.CLOSED:
            return Walk(Place.CLOSED, CLOSED, (CLOSED.c.finished_at, CLOSED.c.job_id), (CLOSED.c.state == state,))


def statement(walk: Walk, wanted: Filter, now: int, page: Page) -> Select[Any]:
    """The walk as a query; its plan may use no sorter, for then the limit would not end it."""
    conditions = [*walk.start, *_conditions(walk, wanted, now)]
    key = tuple_(*walk.order)
    if page.before is not None:
        after = tuple_(*page.before.values)
        conditions.append(key > after if page.oldest else key < after)
    order = walk.order if page.oldest else tuple(map(desc, walk.order))
    columns: list[Any] = [*walk.order]
    return select(*columns).where(*conditions).order_by(*order).limit(page.limit)


def _conditions(walk: Walk, wanted: Filter, now: int) -> Iterator[ColumnElement[bool]]:
    asked = list(_asked(wanted, now))
    if walk.table is JOB:
        yield from asked
    elif asked:
        # Not a join: SQLite would sometimes begin with ``job``, read all of it and sort.
        yield exists().where(JOB.c.id == walk.order[-1], *asked)
    if walk.table is READY and wanted.queue is not None:
        yield READY.c.queue == wanted.queue
    for pattern in _patterns(wanted):
        yield _error_fits(walk, pattern)


def _asked(wanted: Filter, now: int) -> Iterator[ColumnElement[bool]]:
    """What the filter says about the columns of ``job``."""
    if wanted.queue is not None:
        yield JOB.c.queue == wanted.queue
    if wanted.task is not None:
        yield JOB.c.task == wanted.task
    if wanted.older_than is not None:
        yield JOB.c.created_at <= now - round(wanted.older_than * 1_000_000)
    if wanted.newer_than is not None:
        yield JOB.c.created_at > now - round(wanted.newer_than * 1_000_000)
    if wanted.text is not None:
        yield compact(JOB.c.args).ilike(_anywhere(wanted.text), escape="/")


def _anywhere(text: str) -> ColumnElement[str]:
    """A pattern that finds this part of a stored JSON text."""
    return literal("%") + compact(literal(_literally(text))) + literal("%")


def _patterns(wanted: Filter) -> Iterator[str]:
    """What the last error has to be like. A pattern's gaps stand for anything, so it may find a few more."""
    if wanted.error is not None:
        yield f"%{_literally(wanted.error)}%"
    if wanted.group is not None:
        yield f"%{_literally(wanted.group).replace(GAP, '%')}%"


def _literally(text: str) -> str:
    for sign in "/%_":
        text = text.replace(sign, f"/{sign}")
    return text


def _error_fits(walk: Walk, pattern: str) -> ColumnElement[bool]:
    if walk.table is JOB:
        return or_(*(_error_row_fits(place, pattern) for place in (DELAYED, CLOSED)))
    if walk.table in {DELAYED, CLOSED}:
        return walk.table.c.error.ilike(pattern, escape="/")
    return false()


def _error_row_fits(place: Table, pattern: str) -> ColumnElement[bool]:
    return exists().where(place.c.job_id == JOB.c.id, place.c.error.ilike(pattern, escape="/"))
