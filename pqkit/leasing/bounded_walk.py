"""Walks over queues or limit keys, a bounded number at each claim.

A claim holds the write lock, and a producer may create many names.
"""

from collections.abc import Callable

MOST_NAMES = 500
NEXT_NAMES_AFTER = 0.01
"""Seconds until the next claim looks at the names after those."""
REST = 0.5
"""Seconds between two rounds over more names than one claim looks at."""


def next_names(read: Callable[[str, int], list[str]], last: str) -> tuple[list[str], float | None]:
    """Choose the names to look at, from the one after ``last`` on and round to it again.

    ``read(after, limit)`` gives names in their order. Returns the names and the seconds until the next ones, None if
    these are all the names.
    """
    names = read("", MOST_NAMES + 1)
    if len(names) <= MOST_NAMES:
        return [name for name in names if name > last] + [name for name in names if name <= last], None
    names = read(last, MOST_NAMES)
    if len(names) == MOST_NAMES:
        return names, NEXT_NAMES_AFTER
    return names + read("", MOST_NAMES - len(names)), REST
