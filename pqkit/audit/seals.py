"""Seals over pruned jobs: a hash chain in which each batch's seal covers the one before it.

A seal names the pruned jobs and the checksum of the facts that an audit saw. Later audits can so prove of every job
that was ever queued that it is stored, sealed, or deleted by a person on record.
"""

import hashlib
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

Span = tuple[int, int]
"""The first and the last of a run of consecutive ids."""


class Seal(NamedTuple):
    """The seal of one pruned batch.

    ``ids`` are spans as text, ``states`` is a JSON object of counts by state, ``facts`` is the audit's checksum over
    the jobs. ``file``, ``start``, ``size`` and ``digest`` locate the batch in the archive, if it has one.
    """

    at: int
    who: str
    jobs: int
    runs: int
    ids: str
    states: str
    facts: str
    file: str | None = None
    start: int | None = None
    size: int | None = None
    digest: str | None = None
    previous: str = ""
    checksum: str = ""


def sealed(seal: Seal) -> Seal:
    """Add the seal's checksum over its fields and, through ``previous``, all seals before it."""
    return seal._replace(checksum=hashlib.sha256(repr(tuple(seal[:-1])).encode()).hexdigest())


def broken(seals: Sequence[Seal]) -> Iterator[tuple[Seal, str]]:
    """Find the seals that were changed, or that do not follow the seal before them."""
    before = ""
    for seal in seals:
        if sealed(seal).checksum != seal.checksum:
            yield seal, "this seal was changed after it was made"
        elif seal.previous != before:
            yield seal, "the seal before this one is gone or was changed"
        before = seal.checksum


class Entry(NamedTuple):
    """An operator's action as its seal covers it; ``place`` is its number in the chain."""

    place: int
    at: int
    who: str
    verb: str
    job_id: int | None
    reason: str | None
    detail: str


def chained(entry: Entry, previous: str) -> str:
    """Compute the seal of an action that follows the action with the seal ``previous``."""
    return hashlib.sha256(repr((previous, *entry)).encode()).hexdigest()


def unchained(entries: Iterable[tuple[Entry, str]], sealed: int, last: str) -> Iterator[tuple[Entry | None, str]]:
    """Find the actions that were changed, or that do not follow the action before them.

    ``entries`` are (action, seal) in order of place; ``sealed`` is the number of actions expected, ``last`` the seal of
    the last one.
    """
    previous, place = "", 0
    for entry, checksum in entries:
        place += 1
        if entry.place != place:
            yield entry, f"{entry.place - place} actions before this one are gone from the record"
        elif chained(entry, previous) != checksum:
            yield entry, "this action was changed after it was put on record"
        previous, place = checksum, entry.place
    if (place, previous) != (sealed, last):
        yield None, f"{sealed - place} actions are gone from the end of the record"


def spans(ids: Iterable[int]) -> list[Span]:
    """Group ascending ids into spans."""
    found: list[Span] = []
    for number in ids:
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def as_text(found: Iterable[Span]) -> str:
    """Format spans as text, such as "1-500,502"."""
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in found)


def from_text(text: str) -> list[Span]:
    ends = (part.partition("-") for part in text.split(",") if part)
    return [(int(first), int(last or first)) for first, _, last in ends]


def uncovered(last: int, covered: Iterable[Span]) -> list[Span]:
    """Find the ids from 1 to ``last`` that no span covers."""
    found, after = [], 0
    for first, end in sorted(covered):
        if first > after + 1:
            found.append((after + 1, first - 1))
        after = max(after, end)
    if after < last:
        found.append((after + 1, last))
    return found


def without(ids: Iterable[int], covered: Iterable[Span]) -> list[Span]:
    """Find the ids (given ascending) that no span covers."""
    ordered = sorted(covered)

    def is_covered(number: int) -> bool:
        at = bisect_right(ordered, (number, sys.maxsize)) - 1
        return at >= 0 and ordered[at][1] >= number

    return spans(number for number in ids if not is_covered(number))


def overlap(covered: Iterable[Span]) -> int | None:
    """Find the first id that two spans cover."""
    after = 0
    for first, end in sorted(covered):
        if first <= after:
            return first
        after = end
    return None


def how_many(found: Iterable[Span]) -> int:
    return sum(last - first + 1 for first, last in found)
