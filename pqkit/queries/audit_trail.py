"""The audit trail: what operators did, when, to what, and why."""

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Executable, select

from pqkit.db import Database
from pqkit.redaction.redact import redact, redacted
from pqkit.sql.definitions.tables import ACTION


class Entry(NamedTuple):
    """One action, without secrets; ``detail`` is a JSON object, ``job_id`` None for what was done to no single job."""

    id: int
    at: int
    who: str
    verb: str
    job_id: int | None
    reason: str | None
    detail: str


@dataclass(frozen=True)
class Trace:
    """Which actions: of whom, which verb, about which job."""

    who: str | None = None
    verb: str | None = None
    job_id: int | None = None


EVERYTHING = Trace()


def trail(database: Database, wanted: Trace = EVERYTHING, *, limit: int = 50, before: int | None = None) -> list[Entry]:
    """A page of actions, the newest first; ``before`` is the id of the last one of the page before it."""
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
