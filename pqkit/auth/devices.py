"""Devices from which people have logged in before: a random cookie, of which the database keeps a digest.

A known device is no login: it only gets past the waits that guessers cause. It is known for one name.
"""

from pqkit.auth import secrets
from pqkit.db import Transaction
from pqkit.domain.durations import SECOND
from pqkit.sql import compiled as sql

DAY = 86_400 * SECOND
KEPT_FOR = 90 * DAY
MOST = 20
"""Devices of one person that are remembered."""


def digest(text: str, name: str) -> str:
    return secrets.digest(f"{name} {text}")


def is_known(tx: Transaction, text: str, name: str, now: int) -> bool:
    """Whether that person has logged in from there of late."""
    row = tx.row(sql.DEVICE_OF, digest(text, name))
    return row is not None and row[0] > now - KEPT_FOR


def remember(tx: Transaction, text: str, name: str, now: int) -> str:
    """The person is there: what the device shows next time. A text that is not known yet is replaced, because somebody
    else may have put it there."""
    tx.run(sql.DELETE_OLD_DEVICES, now - KEPT_FOR)
    if tx.run(sql.USE_DEVICE, now, digest(text, name)):
        return text
    new = secrets.new()
    tx.run(sql.INSERT_DEVICE, digest(new, name), name, now, now)
    tx.run(sql.DELETE_MORE_DEVICES, name, MOST)
    return new
