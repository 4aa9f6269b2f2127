"""Guessing made slow, in the database so that all processes and hosts count together.

A login counts as a failure from before its password is looked at until it is found right, so that many at once get no
more guesses than one after the other. Nobody is locked out for longer than a quarter of an hour.
"""

import ipaddress

from pqkit.db import Transaction
from pqkit.errors import LoginRefused
from pqkit.sql import compiled as sql

SECOND = 1_000_000
FREE = {"user": 5, "address": 20}
"""Failures before others have to wait; many people may share an address."""
FIRST_WAIT, LONGEST_WAIT = 10, 900
FORGETS_AFTER = 3_600 * SECOND
MOST = 10_000
"""Names and addresses that are remembered: whoever invents names cannot fill the disk."""


def subjects(name: str | None, address: str) -> tuple[str, str]:
    """Who is counted: the name (None for one that nobody can have) and the network of the address."""
    return f"user {name or '?'}", f"address {_network(address)}"


def count(tx: Transaction, counted: list[str], now: int) -> float:
    """Count one more failure of each; 0, or the seconds to wait where it is too soon for one of them, and from that one
    on it is not counted."""
    _make_room(tx, now)
    return next((wait for subject in counted if (wait := _count_one(tx, subject, now)) > 0), 0.0)


def _count_one(tx: Transaction, subject: str, now: int) -> float:
    tx.run(sql.INSERT_THROTTLE, subject, 0, now, 0)
    if not tx.run(sql.COUNT_FAILURE, now - FORGETS_AFTER, now, subject, now):
        return float(tx.row(sql.THROTTLE_OF, subject)[1] - now) / SECOND
    over = tx.row(sql.THROTTLE_OF, subject)[0] - FREE[subject.partition(" ")[0]]
    if over >= 0:
        tx.run(sql.CLOSE_UNTIL, now + min(FIRST_WAIT * 2 ** min(over, 10), LONGEST_WAIT) * SECOND, subject)
    return 0.0


def refuse_early(wait: float) -> None:
    """Raise LoginRefused where so many seconds are still to be waited."""
    if wait > 0:
        raise LoginRefused(f"too many logins have failed: try again in {_span(wait)}", wait)


def forgive(tx: Transaction, address: str, user: str) -> None:
    """The password was right: the name starts anew, the address gets this one back."""
    tx.run(sql.FORGIVE, address)
    tx.run(sql.DELETE_THROTTLE, user)


def _make_room(tx: Transaction, now: int) -> None:
    tx.run(sql.DELETE_OLD_THROTTLES, now - FORGETS_AFTER)
    over = tx.row(sql.THROTTLES)[0] - MOST
    if over >= 0:
        tx.run(sql.DELETE_FIRST_THROTTLES, over + MOST // 10)


def _network(address: str) -> str:
    """A person has one address of IPv4, but all those of a /64 of IPv6."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "?"
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{max(seconds, 1):.0f} seconds"
