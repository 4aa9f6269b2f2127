"""Locked callbacks, for changes to the page after an await."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary

import panel as pn
from bokeh.document import Document
from panel.io import with_lock
from panel.viewable import Viewable

from .theme import current_document

_signs: WeakKeyDictionary[Document, Viewable] = WeakKeyDictionary()


def locked(change: Callable[..., Any]) -> Callable[..., Any]:
    """Run a callback under its document's lock and send its changes together when it ends.

    Panel would run a coroutine without the lock and write each change to the socket itself. A change made while such a
    message is being sent may wait there forever.
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


def show_work(sign: Viewable) -> None:
    """Register the part of the session's page that is visible while a callback runs."""
    _signs[current_document()] = sign
    sign.visible = False


def waited_for(change: Callable[..., Any]) -> Callable[..., Any]:
    """A locked callback that shows the registered sign until it ends.

    The callback's changes are sent only at its end, so the sign is shown before it begins.
    """

    async def begin(*args: Any, **more: Any) -> None:
        sign = _signs[current_document()]
        sign.visible = True

        async def work() -> None:
            try:
                await _done(change(*args, **more))
            finally:
                sign.visible = False

        pn.state.execute(locked(work))

    return locked(begin)


async def _done(came: Any) -> Any:
    return await came if isinstance(came, Awaitable) else came
