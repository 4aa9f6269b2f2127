"""Finding the jobs of one page: a walk down an index that ends at the page's limit, however many jobs there are.

Where few jobs fit, that could be a walk past all of them; so a walk may be told how many it may pass, and says where it
ended, for another to go on from there.

Texts are searched as they are shown. The database compares no stored text with the one that is searched for: it reads
the rows that the other conditions leave, and each text is redacted before it is compared. So the jobs of a page, its
end and the work for it depend on what may be shown alone. The time depends on the length of what is stored as well,
secrets too, but not on the text that is searched for.
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
"""Rows whose texts are read by one statement."""
MOST_CHARACTERS = 1_000_000
"""Shown texts that a walk which may not pass all rows compares: they take about 0.1 s to redact."""
Values = tuple[Any, ...]


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
    """Which part of the list: so many jobs after ``before``, from its end where ``oldest`` first, among so many rows
    of each place (None: all); ``end`` is the last of those."""

    limit: int
    before: Key | None = None
    oldest: bool = False
    among: int | None = None
    end: Values | None = None


class Reach(NamedTuple):
    """What a walk found, and from where to go on: None where it came to the end."""

    found: list[Found]
    next: Key | None


def find(connection: Connection, wanted: Filter, now: int, page: Page) -> Reach:
    """The jobs of that page, in the order that ``jobs`` documents."""
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
    """How many jobs such a walk would find, up to ``page.limit``, and whether that is all that there are."""
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
    """Where the first of these walks has passed as many rows as it may; None where all come to their end before, or
    where every row that is passed fits."""
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
    """The keys of up to ``page.limit`` rows; where it compared all the text that it may, also the last key it saw."""
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
    """What may be shown of a job, of what is searched; nothing of what is encrypted."""

    args: str
    error: str


def _shown(connection: Connection, walk: Walk, wanted: Filter, now: int, page: Page) -> Iterator[tuple[Values, Texts]]:
    """Every row of the walk with its texts, whatever is searched in them."""
    page = page._replace(limit=AT_ONCE)
    while True:
        rows = connection.execute(statement(walk, wanted, now, page).add_columns(*_stored(walk, wanted))).all()
        for *key, args, error in rows:
            yield tuple(key), Texts(_open(args, redacted), _open(error, redact))
        if len(rows) < AT_ONCE:
            return
        page = page._replace(before=Key(walk.place, tuple(rows[-1][: len(walk.order)])))


def _stored(walk: Walk, wanted: Filter) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """The arguments and the error of a row, as they are stored, where they are searched."""
    args: ColumnElement[Any] = null() if wanted.text is None else cast(JOB.c.args, Text)
    if walk.table is not JOB and wanted.text is not None:
        args = select(args).where(JOB.c.id == walk.order[-1]).scalar_subquery()
    return args, walk.table.c.error if wanted.in_errors else null()


def _open(text: str | None, told: Callable[[str], str]) -> str:
    return "" if text is None or encryption.is_sealed(text) else told(text)


def _tells(shown: Texts, wanted: Filter) -> bool:
    """Whether what may be shown of a job is what is looked for."""
    if wanted.text is not None and comparable(wanted.text) not in comparable(shown.args):
        return False
    if wanted.group is not None and not fits(shown.error, wanted.group.replace(STARS, GAP)):
        return False
    return wanted.error is None or wanted.error.lower() in shown.error.lower()


RANKS = (None, Place.LEASE, Place.READY, Place.DELAYED, Place.CLOSED)


def _rank(place: Place | None) -> int:
    return RANKS.index(place)


def walks(wanted: Filter) -> Iterator[list[Walk]]:
    """The walks of each place that can hold such jobs; where any state will do that of ``job`` itself, or those of the
    places where errors are, by the job's id too."""
    failed = wanted.in_errors
    if not wanted.states:
        # Not down ``job``: PostgreSQL would first read all errors that there are, and then begin.
        yield [Walk(None, at, (at.c.job_id,)) for at in (DELAYED, CLOSED)] if failed else [Walk(None, JOB, (JOB.c.id,))]
    for place in {state.place: None for state in wanted.states}:
        if not failed or place in {Place.DELAYED, Place.CLOSED}:  # where errors are
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
    """The walk as a query; its plan may use no sorter, for then the limit would not end it."""
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
        # Not a join: SQLite would sometimes begin with ``job``, read all of it and sort.
        yield exists().where(JOB.c.id == walk.order[-1], *asked)
    if wanted.in_errors:
        yield walk.table.c.error.is_not(None)


def _asked(wanted: Filter, now: int) -> Iterator[ColumnElement[bool]]:
    """What the filter says about the columns of ``job``."""
    if wanted.queue is not None:
        yield JOB.c.queue == wanted.queue
    if wanted.task is not None:
        yield JOB.c.task == wanted.task
    if wanted.older_than is not None:
        yield JOB.c.created_at <= now - round(wanted.older_than * SECOND)
    if wanted.newer_than is not None:
        yield JOB.c.created_at > now - round(wanted.newer_than * SECOND)
