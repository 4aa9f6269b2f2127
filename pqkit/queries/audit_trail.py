"""The audit trail: the operators' actions with their times, targets and reasons."""

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Executable, select

from pqkit.db import Database
from pqkit.redaction.redact import redact, redacted
from pqkit.sql.definitions.tables import ACTION


class Entry(NamedTuple):
    """One action without secrets; ``detail`` is a JSON object.

    ``job_id`` is None for an action on no single job.
    """

    id: int
    at: int
    who: str
    verb: str
    job_id: int | None
    reason: str | None
    detail: str


@dataclass(frozen=True)
class Trace:
    """A filter of actions by operator, verb and job."""

    who: str | None = None
    verb: str | None = None
    job_id: int | None = None


EVERYTHING = Trace()


def trail(database: Database, wanted: Trace = EVERYTHING, *, limit: int = 50, before: int | None = None) -> list[Entry]:
    """Return a page of actions, newest first; ``before`` is the last id of the page before."""
    with database.look() as connection:
        return [_public(Entry._make(row)) for row in connection.execute(trail_statement(wanted, limit, before))]


def _public(entry: Entry) -> Entry:
    return entry._replace(reason=entry.reason and redact(entry.reason), detail=redacted(entry.detail))


def trail_statement(wanted: Trace, limit: int, before: int | None) -> Executable:
    asked = select(*(ACTION.c[name] for name in Entry._fields)).order_by(ACTION.c.id.desc()).limit(limit)
    if before is not None:
        asked = asked.where(ACTION.c.id < before)
    for name, value in vars(wanted).items():
        if value is not None:
            asked = asked.where(ACTION.c[name] == value)
    return asked
