"""Rotation: what is encrypted under older keys is encrypted anew under the first, a few rows at a time."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, bindparam, cast, or_, select, tuple_, update
from sqlalchemy import Text as AnyText

from pqkit.db import Database
from pqkit.errors import PqkitError
from pqkit.models import table
from pqkit.security import encryption

BATCH = 200
SEALED: tuple[tuple[str, str], ...] = (
    ("job", "args"),
    ("closed", "result"),
    ("attempt", "error"),
    ("job_log", "line"),
    ("progress", "note"),
    ("rollup", "example"),
)
"""Where encrypted texts may stand."""


def rotate(database: Database) -> Iterator[int]:
    """Encrypt anew, a batch at each step, whatever is not under the first key; how many texts a step changed.

    Safe to be cut short and begun again, and while workers run. A text that no key here opens stays as it is and keeps
    no other from its turn: KeyMissing or Tampered, of the first of them, comes at the end.
    """
    first = encryption.current()
    if first is None:
        raise encryption.KeyMissing("there is no key to encrypt with: set PQKIT_KEY_FILE or PQKIT_KEYS")
    left: list[PqkitError] = []
    for name, column in SEALED:
        yield from _rotate(database, table(name), column, first, left)
    if left:
        raise type(left[0])(f"{len(left):,} texts stay as they are; of the first: {left[0]}")


def _rotate(database: Database, one: Table, column: str, first: str, left: list[PqkitError]) -> Iterator[int]:
    after: tuple[Any, ...] | None = None
    while True:
        with database.in_words(), database.engine.begin() as connection:
            rows = _older(connection, one, column, first, after)
            if not rows:
                return
            keys = [key.name for key in one.primary_key]
            same = (one.c[key] == bindparam(f"the_{key}") for key in keys)
            change = update(one).where(*same).values({column: bindparam("new")})
            renewed = [(row, new) for row in rows if (new := _renewed(row[-1], left)) is not None]
            named = [{f"the_{key}": value for key, value in zip(keys, row[:-1], strict=True)} for row, _ in renewed]
            if renewed:
                connection.execute(
                    change, [values | {"new": new} for values, (_, new) in zip(named, renewed, strict=True)]
                )
        if renewed:
            yield len(renewed)
        after = tuple(rows[-1][:-1])


def _renewed(text: str, left: list[PqkitError]) -> str | None:
    """The text under the first key; None where it is none of ours, or, and ``left`` then says why, cannot be opened."""
    if not encryption.is_sealed(text):  # what a handler says may begin alike
        return None
    try:
        return encryption.renew(text)
    except (encryption.KeyMissing, encryption.Tampered) as error:
        left.append(error)
        return None


def _older(
    connection: Connection, one: Table, column: str, first: str, after: tuple[Any, ...] | None
) -> list[tuple[Any, ...]]:
    """The next rows under another key: their keys, and the text."""
    asked = select(*one.primary_key, one.c[column]).where(sealed(one.c[column]), ~under(one.c[column], first))
    if after is not None:
        asked = asked.where(tuple_(*one.primary_key) > tuple_(*after))
    asked = asked.order_by(*one.primary_key).limit(BATCH).with_for_update()
    return [tuple(row) for row in connection.execute(asked)]


def sealed(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """That a column, JSON or not, holds an encrypted text."""
    return under(column, "")


def under(column: ColumnElement[Any], key: str) -> ColumnElement[bool]:
    """That it is encrypted with that key."""
    text = cast(column, AnyText)
    return or_(*(text.startswith(f"{mark}{key}") for mark in (encryption.MARK, encryption.JSON_MARK)))
