"""Finds the jobs of one page: an index walk that ends at the page's limit.

Where few jobs match, the walk could read every row. So a walk may have a limit of rows to pass; it returns where it
ended, and another walk goes on from there.

Texts are searched as they are shown. The database never compares a stored text with the searched text: it reads the
rows that the other conditions leave, and each text is redacted before it is compared. So the jobs of a page, its end
and its work depend only on what may be shown. The time also depends on the length of what is stored, secrets included,
but not on the searched text.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, Table, Text, cast, desc, exists, func, null, select, tuple_
from sqlalchemy.sql.elements import ColumnElement

from pqkit.domain.durations import SECOND
from pqkit.domain.error_groups import GAP, fits
from pqkit.domain.states import JobState, Place
from pqkit.queries.job_filter import ALL, Filter
from pqkit.redaction.redact import comparable, redact, redacted
from pqkit.redaction.redact_texts import STARS
from pqkit.security import encryption
from pqkit.sql.definitions.tables import CLOSED, DELAYED, JOB, LEASE, READY

AT_ONCE = 500
"""Rows whose texts one statement reads."""
MOST_CHARACTERS = 1_000_000
"""Shown characters that a walk with a row limit compares: redacting them takes about 0.1 s."""
Values = tuple[Any, ...]


class Key(NamedTuple):
    """Where a page ended: the ``before`` of the next page.

    ``place`` is the place that was walked (None: ``job``), ``values`` the key of the last row.
    """

    place: Place | None
    values: Values


class Found(NamedTuple):
    """One job found by a walk."""

    id: int
    key: Key


class Walk(NamedTuple):
    """An index to walk backwards, and the condition with which it starts.

    ``order`` is the index's columns in order, the last of which is the job's id.
    """

    place: Place | None
    table: Table
    order: tuple[ColumnElement[int | str], ...]
    start: tuple[ColumnElement[bool], ...] = ()


class Page(NamedTuple):
    """The part of the list to read: at most ``limit`` jobs after ``before``.

    With ``oldest``, it starts from the end of the list. It passes at most ``among`` rows of each place (None: all);
    ``end`` is the last of those.
    """

    limit: int
    before: Key | None = None
    oldest: bool = False
    among: int | None = None
    end: Values | None = None


class Reach(NamedTuple):
    """The jobs that a walk found, and where to go on (None: it reached the end)."""

    found: list[Found]
    next: Key | None


def find(connection: Connection, wanted: Filter, now: int, page: Page) -> Reach:
    """Return the jobs of that page, in the order that ``jobs`` documents."""
    found: list[Found] = []
    before, oldest = page.before, page.oldest
    for group in _in_order(wanted, oldest=oldest):
        place = group[0].place
        if before is not None and (_rank(place) - _rank(before.place)) * (-1 if oldest else 1) < 0:
            continue
        here = before if before is not None and before.place is place else None
        part = page._replace(limit=page.limit - len(found), before=here)
        part = part._replace(end=_end(connection, group, wanted, now, part))
        walked = [_fitting(connection, walk, wanted, now, part) for walk in group]
        end = _nearest([part.end, *(last for _, last in walked)], oldest=oldest)
        rows = [row for fitting, _ in walked for row in fitting if end is None or _reached(row, end, oldest=oldest)]
        found += [Found(row[-1], Key(place, row)) for row in sorted(rows, reverse=not oldest)[: part.limit]]
        if len(found) == page.limit:
            return Reach(found, found[-1].key)
        if end is not None:
            return Reach(found, Key(place, end))
    return Reach(found, None)


def count(connection: Connection, wanted: Filter, now: int, page: Page) -> tuple[int, bool]:
    """Count the jobs that such a walk would find, up to ``page.limit``.

    The second value is True if those are all.
    """
    if wanted.by_words:
        reach = find(connection, wanted, now, page)
        return len(reach.found), reach.next is None
    found = 0
    for group in _in_order(wanted, oldest=page.oldest):
        end = _end(connection, group, wanted, now, page)
        for walk in group:
            asked = statement(walk, wanted, now, page._replace(limit=page.limit - found, end=end)).subquery()
            found += connection.execute(select(func.count()).select_from(asked)).scalar_one()
            if found >= page.limit:
                return found, False
        if end is not None:
            return found, False
    return found, True


def _end(connection: Connection, group: list[Walk], wanted: Filter, now: int, page: Page) -> Values | None:
    """Return the key at which the first of these walks has passed as many rows as it may.

    None if all walks end before that, or if every row that they pass matches.
    """
    narrowed = wanted.by_words or any(True for walk in group for _ in _conditions(walk, wanted, now))
    if page.among is None or not narrowed:
        return None
    passed = Filter(queue=wanted.queue) if group[0].place is Place.READY else ALL
    asked = [statement(walk, passed, now, page._replace(limit=1)).offset(page.among - 1) for walk in group]
    ends = [tuple(row) for each in asked for row in connection.execute(each)]
    return _nearest(ends, oldest=page.oldest)


def _nearest(ends: Iterable[Values | None], *, oldest: bool) -> Values | None:
    known = [end for end in ends if end is not None]
    return (min if oldest else max)(known) if known else None


def _reached(row: Values, end: Values, *, oldest: bool) -> bool:
    return row <= end if oldest else row >= end


def _fitting(
    connection: Connection, walk: Walk, wanted: Filter, now: int, page: Page
) -> tuple[list[Values], Values | None]:
    """Return the keys of at most ``page.limit`` rows.

    If it compared as much text as it may, it also returns the last key that it saw.
    """
    if not wanted.by_words:
        return [tuple(row) for row in connection.execute(statement(walk, wanted, now, page))], None
    rows: list[Values] = []
    characters = 0
    for key, texts in _shown(connection, walk, wanted, now, page):
        if _tells(texts, wanted):
            rows.append(key)
        if len(rows) == page.limit:
            break
        characters += len(texts.args) + len(texts.error)
        if page.among is not None and characters > MOST_CHARACTERS:
            return rows, key
    return rows, None


class Texts(NamedTuple):
    """The searched texts of a job as they may be shown, without encrypted ones."""

    args: str
    error: str


def _shown(connection: Connection, walk: Walk, wanted: Filter, now: int, page: Page) -> Iterator[tuple[Values, Texts]]:
    """Yield every row of the walk with its texts, matching or not."""
    page = page._replace(limit=AT_ONCE)
    while True:
        rows = connection.execute(statement(walk, wanted, now, page).add_columns(*_stored(walk, wanted))).all()
        for *key, args, error in rows:
            yield tuple(key), Texts(_open(args, redacted), _open(error, redact))
        if len(rows) < AT_ONCE:
            return
        page = page._replace(before=Key(walk.place, tuple(rows[-1][: len(walk.order)])))


def _stored(walk: Walk, wanted: Filter) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Select the stored arguments and error of a row, if they are searched."""
    args: ColumnElement[Any] = null() if wanted.text is None else cast(JOB.c.args, Text)
    if walk.table is not JOB and wanted.text is not None:
        args = select(args).where(JOB.c.id == walk.order[-1]).scalar_subquery()
    return args, walk.table.c.error if wanted.in_errors else null()


def _open(text: str | None, told: Callable[[str], str]) -> str:
    return "" if text is None or encryption.is_sealed(text) else told(text)


def _tells(shown: Texts, wanted: Filter) -> bool:
    """True if the shown texts of a job match the filter."""
    if wanted.text is not None and comparable(wanted.text) not in comparable(shown.args):
        return False
    if wanted.group is not None and not fits(shown.error, wanted.group.replace(STARS, GAP)):
        return False
    return wanted.error is None or wanted.error.lower() in shown.error.lower()


RANKS = (None, Place.LEASE, Place.READY, Place.DELAYED, Place.CLOSED)


def _rank(place: Place | None) -> int:
    return RANKS.index(place)


def walks(wanted: Filter) -> Iterator[list[Walk]]:
    """Yield the walks of each place that can hold such jobs.

    Without states that is ``job`` itself, or, by job id, the places that hold errors.
    """
    failed = wanted.in_errors
    if not wanted.states:
        # Not down ``job``: PostgreSQL would read all errors before its first row.
        yield [Walk(None, at, (at.c.job_id,)) for at in (DELAYED, CLOSED)] if failed else [Walk(None, JOB, (JOB.c.id,))]
    for place in {state.place: None for state in wanted.states}:
        if not failed or place in {Place.DELAYED, Place.CLOSED}:  # only these hold errors
            yield [_walk(state) for state in dict.fromkeys(wanted.states) if state.place is place]


def _in_order(wanted: Filter, *, oldest: bool) -> list[list[Walk]]:
    return sorted(walks(wanted), key=lambda group: _rank(group[0].place), reverse=oldest)


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
    """Build the walk's query; its plan must not sort, or the limit would not end it."""
    conditions = [*walk.start, *_conditions(walk, wanted, now)]
    if walk.place is Place.READY and wanted.queue is not None:
        conditions.append(READY.c.queue == wanted.queue)
    key = tuple_(*walk.order)
    if page.before is not None:
        after = tuple_(*page.before.values)
        conditions.append(key > after if page.oldest else key < after)
    if page.end is not None:
        last = tuple_(*page.end)
        conditions.append(key <= last if page.oldest else key >= last)
    order = walk.order if page.oldest else tuple(map(desc, walk.order))
    columns: list[Any] = [*walk.order]
    return select(*columns).where(*conditions).order_by(*order).limit(page.limit)


def _conditions(walk: Walk, wanted: Filter, now: int) -> Iterator[ColumnElement[bool]]:
    asked = list(_asked(wanted if walk.place is not Place.READY else replace(wanted, queue=None), now))
    if walk.table is JOB:
        yield from asked
    elif asked:
        # Not a join: SQLite would sometimes start with ``job``, read all of it and sort.
        yield exists().where(JOB.c.id == walk.order[-1], *asked)
    if wanted.in_errors:
        yield walk.table.c.error.is_not(None)


def _asked(wanted: Filter, now: int) -> Iterator[ColumnElement[bool]]:
    """Conditions of the filter on the columns of ``job``."""
    if wanted.queue is not None:
        yield JOB.c.queue == wanted.queue
    if wanted.task is not None:
        yield JOB.c.task == wanted.task
    if wanted.older_than is not None:
        yield JOB.c.created_at <= now - round(wanted.older_than * SECOND)
    if wanted.newer_than is not None:
        yield JOB.c.created_at > now - round(wanted.newer_than * SECOND)
