"""Copies a queue between databases of any kind: every table, completely or not at all."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select

from pqkit.audit.seals import Seal, as_text, from_text, sealed, spans, uncovered
from pqkit.db import Database, schema
from pqkit.errors import Refused
from pqkit.models import metadata
from pqkit.models.types import Json
from pqkit.sql.definitions.tables import ACTION, JOB, SEAL, TRAIL

CHUNK = 1_000
EXACT = 2**63
Progress = Callable[[int, int, str], None]
"""Called with (rows done, rows in all, table) during the copy."""


@dataclass
class Copied:
    """Rows and SHA-256 of each table, the same on both sides."""

    rows: dict[str, int] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.rows.values())


def copy(
    source: Database,
    target: Database,
    progress: Progress = lambda *_: None,
    *,
    before_commit: Callable[[], None] = lambda: None,
) -> Copied:
    """Copy a snapshot of ``source`` into an empty or new ``target``, in one transaction.

    Each table is read back and compared. Raises Refused if something stands in the way; then nothing was written.
    """
    schema.check(source)
    schema.ensure(target)
    copied = Copied()
    with source.look() as reading, target.in_words(), target.change_schema() as writing:
        _refuse_full(target, writing)
        total = sum(_count(reading, one) for one in metadata.sorted_tables)
        for one in metadata.sorted_tables:
            _copy_table(one, reading, writing, copied, lambda name: progress(copied.total, total, name))
        _go_on_counting(source, target, reading, writing)
        before_commit()
    return copied


def _refuse_full(target: Database, connection: Connection) -> None:
    trail = TRAIL
    connection.execute(delete(trail).where(trail.c.actions == 0))  # the schema creates this row; the source has its own
    found = [one.name for one in metadata.sorted_tables if _count(connection, one)]
    if found:
        raise Refused(f"{target.name} is in use already (it has rows in {', '.join(found)}): name an empty database")


def _copy_table(
    one: Table, reading: Connection, writing: Connection, copied: Copied, said: Callable[[str], None]
) -> None:
    digest, rows = hashlib.sha256(), 0
    for chunk in _chunks(one, reading):
        writing.execute(insert(one), [dict(zip(one.c.keys(), row, strict=True)) for row in chunk])
        _digest(digest, one, chunk)
        rows += len(chunk)
        copied.rows[one.name] = rows
        said(one.name)
    back = hashlib.sha256()
    for chunk in _chunks(one, writing):
        _digest(back, one, chunk)
    if back.digest() != digest.digest():
        raise Refused(f"table {one.name} came back otherwise than it was written; nothing was copied")
    copied.rows[one.name], copied.checksums[one.name] = rows, digest.hexdigest()


def _chunks(one: Table, connection: Connection) -> Iterator[Sequence[Any]]:
    ordered = select(one).order_by(*one.primary_key).execution_options(yield_per=CHUNK)
    yield from connection.execute(ordered).partitions()


def _digest(digest: Any, one: Table, rows: Sequence[Any]) -> None:
    json_columns = [place for place, column in enumerate(one.c) if column.type is Json]
    for row in rows:
        values = list(row)
        for place in json_columns:
            values[place] = _plain(values[place])
        digest.update(repr(values).encode())


def _plain(text: str | None) -> str | None:
    """Normalize JSON: PostgreSQL sorts keys, and writes numbers in its own way."""
    if text is None:
        return None
    return json.dumps(json.loads(text, parse_float=_number, parse_int=_number), sort_keys=True)


def _number(text: str) -> int | float:
    exact, near = (int(text) if text.lstrip("-").isdigit() else None), float(text)
    if exact is not None and abs(exact) < EXACT:
        return exact
    return int(near) if near.is_integer() and abs(near) < EXACT else near


def _count(connection: Connection, one: Table) -> int:
    return connection.execute(select(func.count()).select_from(one)).scalar_one()


def _go_on_counting(source: Database, target: Database, reading: Connection, writing: Connection) -> None:
    """Continue the source's id counters, so that no id, not even a pruned job's, is reused.

    A seal records the ids that no job ever had.
    """
    given = source.counters(reading)
    for one in metadata.sorted_tables:
        if one.autoincrement_column is not None:
            greatest = reading.execute(select(func.max(one.autoincrement_column))).scalar() or 0
            target.set_counter(writing, one.name, max(greatest, given.get(one.name, 0)))
    if source.ids_have_gaps and not target.ids_have_gaps:
        _seal_gaps(writing, given.get("job", 0), target.now())


def _seal_gaps(writing: Connection, last: int, now: int) -> None:
    job, seal, action = JOB, SEAL, ACTION
    there = spans(writing.scalars(select(job.c.id).order_by(job.c.id)))
    deleted = writing.scalars(select(action.c.job_id).where(action.c.verb == "delete").order_by(action.c.job_id))
    there += spans(dict.fromkeys(deleted))
    for text in writing.scalars(select(seal.c.ids)):
        there += from_text(text)
    skipped = uncovered(last, there)
    if skipped:
        previous = writing.scalar(select(seal.c.checksum).order_by(seal.c.id.desc()).limit(1)) or ""
        gaps = Seal(now, "copy: ids that no job ever had", 0, 0, as_text(skipped), "{}", "", previous=previous)
        writing.execute(insert(seal), sealed(gaps)._asdict())
