"""Slows password guessing. Failures count in the database, across all processes and hosts.

A login counts as a failure before its password is checked, until the password proves right. Parallel logins therefore
get no more guesses than sequential ones. A failure counts for the pair of name and network, for the network, and, more
mildly, for the name, so that a guesser does not lock out the user on another network. A known device is counted only by
itself: no guesser can lock it out.

Each kind has a fixed number of rows, and a keyed hash selects the row. So invented names cannot fill the disk, no row
is evicted early, and an attacker without the key cannot choose which row to share.
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
"""Rows of each kind; beyond that number, names and networks share rows."""
SALT = "throttle"


class Kind(StrEnum):
    """The kinds of failure counters."""

    PAIR = "pair"
    NETWORK = "network"
    NAME = "name"
    DEVICE = "device"
    SESSION = "session"


FREE = {Kind.PAIR: 5, Kind.NETWORK: 20, Kind.NAME: 30, Kind.DEVICE: 5, Kind.SESSION: 5}
"""Failures before the next login must wait; many people may share a network."""
LONGEST_WAIT = {Kind.PAIR: 900, Kind.NETWORK: 900, Kind.NAME: 60, Kind.DEVICE: 900, Kind.SESSION: 900}
"""Seconds. The wait for a name is short, because it also locks out its user, on every network."""
ONE_EACH = {Kind.NAME: 600 * SECOND}
"""Microseconds after which one failure is forgotten. A single network must wait longer between its guesses, so it never
makes others wait for a name."""


def of_login(tx: Transaction, name: str, address: str) -> list[str]:
    """Return the rows that count a login from an unknown device, in lock order."""
    key, network = _key(tx), network_of(address)
    parts = {Kind.PAIR: f"{name} {network}", Kind.NETWORK: network, Kind.NAME: name}
    return [_row(key, kind, part) for kind, part in parts.items()]


def of_one(tx: Transaction, kind: Kind, digest: str) -> list[str]:
    """Return the row that counts a known device, or a session's password confirmation."""
    return [_row(_key(tx), kind, digest)]


def count(tx: Transaction, rows: Sequence[str], now: int) -> None:
    """Count a failure in each row. Raises LoginRefused if a row must wait: roll back then."""
    tx.run(sql.DELETE_OLD_THROTTLES, now - FORGETS_AFTER, now)
    for row in rows:
        _count_one(tx, row, now)


def forgive(tx: Transaction, rows: Sequence[str]) -> None:
    """Undo the count after a right password.

    Rows that others share lose one failure; the user's own rows are deleted.
    """
    for row in rows:
        if _kind_of(row) in {Kind.NETWORK, Kind.NAME}:
            tx.run(sql.FORGIVE, row)
        else:
            tx.run(sql.DELETE_THROTTLE, row)


def forget_all(tx: Transaction) -> None:
    """End every wait: an administrator's remedy for a locked-out user."""
    tx.run(sql.DELETE_THROTTLES)


def network_of(address: str) -> str:
    """Return the network of one client: an IPv4 address, an IPv6 /64, or all of loopback."""
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
    """Return this queue's own hash key, creating it on first use."""
    found = tx.row(sql.SALT_OF, SALT)
    if found is None:
        tx.run(sql.INSERT_SALT, SALT, secrets.token_hex(16))
        found = tx.row(sql.SALT_OF, SALT)
    return str(found[0])
