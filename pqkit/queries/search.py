"""A page of jobs, and how many there are, in a time that does not grow with the jobs that do not fit."""

from typing import NamedTuple

from sqlalchemy import Connection

from pqkit.db import Database
from pqkit.queries.views import JobView, views_of
from pqkit.queries.walk import ALL, Filter, Key, Page, Reach, count, find

AMONG = 25_000
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
    with database.look() as connection:
        page = Page(limit, before, oldest, among)
        reach = find(connection, wanted, database.now(), page)
        counted = _counted(connection, wanted, database.now(), page, reach)
        return Searched(views_of(connection, reach.found), reach.next, counted)


def _counted(connection: Connection, wanted: Filter, now: int, page: Page, reach: Reach) -> Matching:
    if page.before is None and len(reach.found) < page.limit:
        return Matching(len(reach.found), reach.next is None)
    return Matching(*count(connection, wanted, now, page._replace(limit=MOST, before=None)))
