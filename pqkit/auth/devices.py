"""Known devices: each has a random cookie from a login; the database keeps its digest.

A known device is no login: it only bypasses the waits that password guessing causes. It is known for one user name.
"""

from pqkit.auth import secrets
from pqkit.db import Transaction
from pqkit.domain.durations import SECOND
from pqkit.sql import compiled as sql

DAY = 86_400 * SECOND
KEPT_FOR = 90 * DAY
MOST = 20
"""Maximum number of devices remembered for one user."""


def digest(text: str, name: str) -> str:
    return secrets.digest(f"{name} {text}")


def is_known(tx: Transaction, text: str, name: str, now: int) -> bool:
    """Return true if the user has logged in from this device within the last 90 days."""
    row = tx.row(sql.DEVICE_OF, digest(text, name))
    return row is not None and row[0] > now - KEPT_FOR


def remember(tx: Transaction, text: str, name: str, now: int) -> str:
    """Remember the device of a successful login, and return the cookie that it shows next time.

    An unknown cookie is replaced, because another person may have planted it.
    """
    tx.run(sql.DELETE_OLD_DEVICES, now - KEPT_FOR)
    if tx.run(sql.USE_DEVICE, now, digest(text, name)):
        return text
    new = secrets.new()
    tx.run(sql.INSERT_DEVICE, digest(new, name), name, now, now)
    tx.run(sql.DELETE_MORE_DEVICES, name, MOST)
    return new
