"""A page of jobs, and how many there are, in a time that does not grow with the jobs that do not fit."""

from typing import NamedTuple

from sqlalchemy import Connection

from pqkit.db import Database
from pqkit.queries.filters import ALL, Filter
from pqkit.queries.views import JobView, views_of
from pqkit.queries.walk import Key, Page, Reach, count, find

AMONG = 10_000
MOST = 10_000


class Matching(NamedTuple):
    """So many jobs fit; ``whole`` where that is all of them, and not as far as was counted."""

    jobs: int
    whole: bool


class Searched(NamedTuple):
    """A page of jobs, the ``before`` of the next one (None: there is none), and how many jobs fit on all pages."""

    jobs: list[JobView]
    next: Key | None
    matching: Matching


def search(
    database: Database,
    wanted: Filter = ALL,
    *,
    limit: int = 50,
    before: Key | None = None,
    oldest: bool = False,
    among: int = AMONG,
) -> Searched:
    """A page of ``jobs`` that takes no longer where few jobs fit: it looks at ``among`` jobs, from ``before`` on, and
    says where the next one goes on. They are counted as far, from the list's beginning, and up to 10,000."""
    page = Page(limit, before, oldest, among)
    with database.look() as connection:
        reach, counted = _found(connection, wanted, database.now(), page)
        return Searched(views_of(connection, reach.found), reach.next, counted)


def _found(connection: Connection, wanted: Filter, now: int, page: Page) -> tuple[Reach, Matching]:
    whole = page._replace(limit=MOST, before=None)
    if wanted.by_words and page.before is None:
        # To count them is to find them, and those of the page are the first.
        all_found = find(connection, wanted, now, whole)
        return _first(all_found, page.limit), Matching(len(all_found.found), all_found.next is None)
    reach = find(connection, wanted, now, page)
    if page.before is None and len(reach.found) < page.limit:
        return reach, Matching(len(reach.found), reach.next is None)
    return reach, Matching(*count(connection, wanted, now, whole))


def _first(reach: Reach, limit: int) -> Reach:
    return Reach(reach.found[:limit], reach.found[limit - 1].key) if len(reach.found) >= limit else reach
