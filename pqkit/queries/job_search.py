"""Pages of jobs and their number, in a time that does not grow with jobs that do not match."""

from collections.abc import Sequence
from itertools import accumulate, takewhile
from typing import NamedTuple

from sqlalchemy import Connection, Text, cast, func, select

from pqkit.db import Database
from pqkit.queries.job_filter import ALL, Filter
from pqkit.queries.job_views import LISTED, JobView, Told, views_of
from pqkit.queries.keyset_pagination import Found, Key, Page, Reach, count, find
from pqkit.sql.definitions.tables import JOB

AMONG = 10_000
MOST = 10_000
MOST_SHOWN = 1_000_000
"""Characters of arguments after which a page ends; the first 2,000 of each job are shown."""


class Matching(NamedTuple):
    """Number of matching jobs; ``whole`` is False if counting stopped before the end."""

    jobs: int
    whole: bool


class Paged(NamedTuple):
    """A page of jobs, and the ``before`` of the next page (None: there is none)."""

    jobs: list[JobView]
    next: Key | None


class Searched(NamedTuple):
    """A page of jobs, the ``before`` of the next page, and the matches on all pages.

    ``next`` is None if there is no next page.
    """

    jobs: list[JobView]
    next: Key | None
    matching: Matching


def page(
    database: Database, wanted: Filter = ALL, *, limit: int = 50, before: Key | None = None, told: Told = LISTED
) -> Paged:
    """Return a page of ``jobs`` in bounded time and memory.

    It ends before ``limit`` jobs if their arguments are long, or if a search has read enough texts.
    """
    among = AMONG if wanted.by_words else None
    with database.look() as connection:
        reach = find(connection, wanted, database.now(), Page(limit, before, among=among))
        shown = reach.found[: _fit(connection, reach.found)]
        following = reach.next if len(shown) == len(reach.found) else shown[-1].key
        return Paged(views_of(connection, shown, told), following)


def _fit(connection: Connection, found: Sequence[Found]) -> int:
    """Number of these jobs, at least one, whose arguments fit on one page."""
    ids = [job.id for job in found]
    asked = select(JOB.c.id, func.length(cast(JOB.c.args, Text))).where(JOB.c.id.in_(ids))
    lengths: dict[int, int] = dict(connection.execute(asked).all())
    sums = accumulate(lengths.get(each, 0) for each in ids)
    return max(1, sum(1 for _ in takewhile(lambda characters: characters <= MOST_SHOWN, sums)))


def search(
    database: Database,
    wanted: Filter = ALL,
    *,
    limit: int = 50,
    before: Key | None = None,
    oldest: bool = False,
    among: int = AMONG,
) -> Searched:
    """Return a page of ``jobs`` in bounded time, even if few jobs match.

    It looks at ``among`` jobs, from ``before`` on, and says where the next page begins. It counts the matches equally
    far, from the beginning of the list, up to 10,000.
    """
    page = Page(limit, before, oldest, among)
    with database.look() as connection:
        reach, counted = _found(connection, wanted, database.now(), page)
        return Searched(views_of(connection, reach.found, LISTED), reach.next, counted)


def _found(connection: Connection, wanted: Filter, now: int, page: Page) -> tuple[Reach, Matching]:
    whole = page._replace(limit=MOST, before=None)
    if wanted.by_words and page.before is None:
        # Counting the matches means finding them all: the page is the first of them.
        all_found = find(connection, wanted, now, whole)
        return _first(all_found, page.limit), Matching(len(all_found.found), all_found.next is None)
    reach = find(connection, wanted, now, page)
    if page.before is None and len(reach.found) < page.limit:
        return reach, Matching(len(reach.found), reach.next is None)
    return reach, Matching(*count(connection, wanted, now, whole))


def _first(reach: Reach, limit: int) -> Reach:
    return Reach(reach.found[:limit], reach.found[limit - 1].key) if len(reach.found) >= limit else reach
