"""Callbacks that change the page after they have waited for something."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

import panel as pn
from panel.io import with_lock


def locked(change: Callable[..., Any]) -> Callable[..., Any]:
    """A callback that runs under its document's lock, and whose changes are sent together when it has ended.

    Panel would let a coroutine go on without the lock and write its changes to the socket by itself; what is changed
    while such a message is on its way may wait there for ever.
    """

    @wraps(change)
    async def run(*args: Any, **more: Any) -> Any:
        document = pn.state.curdoc
        if document is None:
            return await _done(change(*args, **more))
        document.hold("combine")
        try:
            return await _done(change(*args, **more))
        finally:
            document.unhold()

    return with_lock(run)


async def _done(came: Any) -> Any:
    return await came if isinstance(came, Awaitable) else came
