"""Key rotation: encrypts texts under older keys again with the first key, in small batches."""

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
"""Columns that may hold encrypted texts."""


def rotate(database: Database) -> Iterator[int]:
    """Encrypt again, a batch a step, every text that is not under the first key.

    Yields how many texts a step changed. It may be interrupted and started again, and run while workers run. A text
    that no key here decrypts is left as it is and blocks no other; the first such error, KeyMissing or Tampered, is
    raised at the end.
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
    """Encrypt a text with the first key; None if it is not ours or cannot be decrypted.

    In the second case the error is added to ``left``.
    """
    if not encryption.is_sealed(text):  # a handler's own text may begin alike
        return None
    try:
        return encryption.renew(text)
    except (encryption.KeyMissing, encryption.Tampered) as error:
        left.append(error)
        return None


def _older(
    connection: Connection, one: Table, column: str, first: str, after: tuple[Any, ...] | None
) -> list[tuple[Any, ...]]:
    """The next rows under another key: their primary keys, and the text."""
    asked = select(*one.primary_key, one.c[column]).where(sealed(one.c[column]), ~under(one.c[column], first))
    if after is not None:
        asked = asked.where(tuple_(*one.primary_key) > tuple_(*after))
    asked = asked.order_by(*one.primary_key).limit(BATCH).with_for_update()
    return [tuple(row) for row in connection.execute(asked)]


def sealed(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Condition: the column, JSON or not, holds an encrypted text."""
    return under(column, "")


def under(column: ColumnElement[Any], key: str) -> ColumnElement[bool]:
    """Condition: the text is encrypted with that key."""
    text = cast(column, AnyText)
    return or_(*(text.startswith(f"{mark}{key}") for mark in (encryption.MARK, encryption.JSON_MARK)))
