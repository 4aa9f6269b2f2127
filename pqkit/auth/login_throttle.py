"""Guessing made slow, in the database so that all processes and hosts count together.

A login counts as a failure from before its password is looked at until it is found right, so that many at once get no
more guesses than one after the other. It counts for its name and network together, for its network, and, more mildly,
for its name, so that a guesser keeps nobody out who comes from elsewhere. A device from which that person has logged in
before counts by itself alone: no guesser keeps it out.

Each kind has a fixed number of rows, and a keyed hash says which of them counts. So invented names cannot fill the
disk, nothing has to go before its time, and nobody without the key can choose whose row to share.
"""

import hashlib
import ipaddress
import secrets
from collections.abc import Sequence
from enum import StrEnum

from pqkit.db import Transaction
from pqkit.domain.durations import SECOND, duration
from pqkit.errors import LoginRefused
from pqkit.sql import compiled as sql

FIRST_WAIT = 10
FORGETS_AFTER = 3_600 * SECOND
ROWS = 16_384
"""Of each kind; more names and networks than these share rows."""
SALT = "throttle"


class Kind(StrEnum):
    """Something whose failures count together."""

    PAIR = "pair"
    NETWORK = "network"
    NAME = "name"
    DEVICE = "device"
    SESSION = "session"


FREE = {Kind.PAIR: 5, Kind.NETWORK: 20, Kind.NAME: 30, Kind.DEVICE: 5, Kind.SESSION: 5}
"""Failures before others have to wait; many people may share a network."""
LONGEST_WAIT = {Kind.PAIR: 900, Kind.NETWORK: 900, Kind.NAME: 60, Kind.DEVICE: 900, Kind.SESSION: 900}
"""Seconds. A name's own wait is short, because it keeps out the person as well, wherever that person is."""
ONE_EACH = {Kind.NAME: 600 * SECOND}
"""After each such time one failure is forgotten. One network alone, which has to wait longer between its guesses, never
makes others wait for a name."""


def of_login(tx: Transaction, name: str, address: str) -> list[str]:
    """The rows that count a login from a device that is not known; in the order in which they are locked."""
    key, network = _key(tx), network_of(address)
    parts = {Kind.PAIR: f"{name} {network}", Kind.NETWORK: network, Kind.NAME: name}
    return [_row(key, kind, part) for kind, part in parts.items()]


def of_one(tx: Transaction, kind: Kind, digest: str) -> list[str]:
    """The row that counts the failures of a known device, or of a session whose person gives the password again."""
    return [_row(_key(tx), kind, digest)]


def count(tx: Transaction, rows: Sequence[str], now: int) -> None:
    """Count one more failure in each row. LoginRefused where it is too soon for one of them: then roll back, and
    nothing is counted."""
    tx.run(sql.DELETE_OLD_THROTTLES, now - FORGETS_AFTER, now)
    for row in rows:
        _count_one(tx, row, now)


def forgive(tx: Transaction, rows: Sequence[str]) -> None:
    """The password was right. Who is sure to be its person starts anew; what others share gets this one back."""
    for row in rows:
        if _kind_of(row) in {Kind.NETWORK, Kind.NAME}:
            tx.run(sql.FORGIVE, row)
        else:
            tx.run(sql.DELETE_THROTTLE, row)


def forget_all(tx: Transaction) -> None:
    """End every wait: an administrator's way out for a person who is kept out."""
    tx.run(sql.DELETE_THROTTLES)


def network_of(address: str) -> str:
    """A person has one address of IPv4, but all those of a /64 of IPv6, and all that mean this machine."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "?"
    found = getattr(found, "ipv4_mapped", None) or found
    if found.is_loopback:
        return "loopback"
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(ipaddress.ip_network((found, 64), strict=False))


def _count_one(tx: Transaction, row: str, now: int) -> None:
    kind = _kind_of(row)
    tx.run(sql.INSERT_THROTTLE, row, 0, now, 0)
    if not tx.run(sql.COUNT_FAILURE, now - FORGETS_AFTER, ONE_EACH.get(kind, FORGETS_AFTER), now, row):
        wait = float(tx.row(sql.THROTTLE_OF, row)[1] - now) / SECOND
        raise LoginRefused(f"too many logins have failed: try again in {duration(wait)}", wait)
    over = tx.row(sql.THROTTLE_OF, row)[0] - FREE[kind]
    if over >= 0:
        tx.run(sql.CLOSE_UNTIL, now + min(FIRST_WAIT * 2 ** min(over, 10), LONGEST_WAIT[kind]) * SECOND, row)


def _kind_of(row: str) -> Kind:
    return Kind(row.partition(" ")[0])


def _row(key: str, kind: Kind, text: str) -> str:
    digest = hashlib.blake2s(text.encode(errors="replace"), key=key.encode(), person=kind.encode()).digest()
    return f"{kind} {int.from_bytes(digest[:8]) % ROWS}"


def _key(tx: Transaction) -> str:
    """This queue's own, made when it is first needed."""
    found = tx.row(sql.SALT_OF, SALT)
    if found is None:
        tx.run(sql.INSERT_SALT, SALT, secrets.token_hex(16))
        found = tx.row(sql.SALT_OF, SALT)
    return str(found[0])
