"""Callbacks that change the page after they have waited for something."""

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


def show_work(sign: Viewable) -> None:
    """Let this part of the session's page be seen while a callback is waited for."""
    _signs[current_document()] = sign
    sign.visible = False


def waited_for(change: Callable[..., Any]) -> Callable[..., Any]:
    """A locked callback that a person waits for: the sign stands on the page until it has ended. What it changes is
    sent only then, so the sign is shown before it begins."""

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
