"""The queue behind a URL: the one place where a back end is chosen."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from pqkit.db import Durability, connect, fork_safety
from pqkit.db.schema import check, ensure
from pqkit.queue.queue import Queue
from pqkit.settings import settings

_one_at_a_time = fork_safety.Mutex()


@cache
def _queue(url: str, durability: Durability) -> Queue:
    if not settings().traces:
        return Queue(connect(url, durability))
    from pqkit.queue.traced_queue import TracedQueue  # noqa: PLC0415 - load it only with traces on

    return TracedQueue(connect(url, durability))


_stand_ins: list[Queue] = []


@contextmanager
def stand_in(queue: Queue) -> Iterator[None]:
    """Let ``get_queue()`` without a URL return this queue for a while, for tests."""
    _stand_ins.append(queue)
    try:
        yield
    finally:
        _stand_ins.remove(queue)


def get_queue(url: str | None = None, *, durability: Durability | None = None, create: bool = True) -> Queue:
    """Return the queue behind ``url`` (default: the setting ``url``).

    A missing or older database is created or migrated, unless ``create`` is False: then SchemaError names the command
    to run. A newer database is refused.
    """
    if url is None and _stand_ins:
        return _stand_ins[-1]
    with _one_at_a_time:
        queue = _queue(url or settings().url, durability or settings().durability)
    if create:
        ensure(queue.database)
    else:
        check(queue.database)
    return queue
