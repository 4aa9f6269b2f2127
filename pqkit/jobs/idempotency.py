"""Idempotency keys: a repeated enqueue request returns the first job ids, inserts nothing."""

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

from pqkit.db import Database, Transaction
from pqkit.domain.durations import SECOND
from pqkit.errors import Refused
from pqkit.jobs.insert import Call, Inserter
from pqkit.jobs.spec import Ties
from pqkit.sql import compiled as sql

KEPT = 24 * 3_600 * SECOND
"""Microseconds for which a key is remembered."""


def insert_named(database: Database, inserter: Inserter, key: str, calls: Sequence[Call]) -> tuple[list[int], bool]:
    """Return (ids, whether the key was known). Raises Refused if it stands for another request."""

    return _once(database, key, _digest(calls), lambda tx: [each.id for each in inserter.insert_all(tx, calls)])


def forget_old(database: Database) -> None:
    with database.write() as tx:
        tx.run(sql.DELETE_OLD_REQUESTS, database.now() - KEPT)


def _once(
    database: Database, key: str, digest: str, insert: Callable[[Transaction], list[int]]
) -> tuple[list[int], bool]:
    with database.write() as tx:
        # Insert the key first: on PostgreSQL a concurrent request waits here, and then finds the answer.
        if tx.run(sql.INSERT_REQUEST, key, digest, database.now()):
            ids = insert(tx)
            tx.run(sql.ANSWER_REQUEST, json.dumps(ids), key)
            return ids, False
        known = tx.row(sql.REQUEST_OF, key)
    if known is None or known[0] != digest:
        raise Refused("this idempotency key was used for another request")
    ids = json.loads(known[1])
    return ids, True


def _without_actor(ties: Ties) -> Any:
    return ties[: Ties._fields.index("actor")]


def _digest(calls: Sequence[Call]) -> str:
    """Digest of the request, without due times and encrypted arguments.

    A delay's due time and a ciphertext differ on each call, and the digest must not leak encrypted arguments.
    """
    asked = [
        (
            *order._replace(declared=None, due_at=None, trace=None, ties=_without_actor(order.ties)),
            None if order.encrypted else text,
        )
        for order, text in calls
    ]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()
