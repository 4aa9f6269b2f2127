"""The fixture ``pqkit_queue``; pytest finds it where pqkit is installed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pqkit.testing import RehearsalQueue


@pytest.fixture
def pqkit_queue() -> "Iterator[RehearsalQueue]":
    """A queue for this test, which ``get_queue()`` and ``task.enqueue`` use.

    See ``pqkit.testing``.
    """
    from pqkit.testing import rehearsal_queue  # noqa: PLC0415 - for tests that ask for it

    with rehearsal_queue() as queue:
        yield queue
