"""Selects the jobs of a bulk action, which needs a filter or an explicit "all"."""

from pqkit.db import Database
from pqkit.queries.job_filter import ALL, BadFilter, Filter
from pqkit.queries.job_views import ids


def select_jobs(database: Database, wanted: Filter, limit: int, *, everything: bool = False) -> list[int]:
    """Return the ids of at most ``limit`` jobs that match the filter.

    With ``everything`` and no filter, it selects among all jobs. Raises BadFilter for no filter, and for one that every
    job or no job can match.
    """
    _check(wanted, everything=everything)
    return ids(database, wanted, limit)


def _check(wanted: Filter, *, everything: bool) -> None:
    if everything and wanted != ALL:
        raise BadFilter("say all jobs or a filter, not both")
    if wanted == ALL and not everything:
        raise BadFilter("nothing says which jobs: name them, give a filter, or say that all are meant")
    if wanted.older_than == 0 and wanted == Filter(older_than=0):
        raise BadFilter("every job is older than 0 seconds: give an age, or say that all are meant")
    older, newer = wanted.older_than, wanted.newer_than
    if newer == 0 or (older is not None and newer is not None and older >= newer):
        raise BadFilter(f"no job is older than {older or 0:g} and newer than {newer:g} seconds at once")


def why_none(database: Database, wanted: Filter) -> str:
    """Explain in one line why no job matches: usually a name that does not exist."""
    for name in ("queue", "task"):
        value = getattr(wanted, name)
        if value is not None and not ids(database, Filter(**{name: value}), 1):
            return f"no job is of the {name} {value!r}"
    return "no job fits"
