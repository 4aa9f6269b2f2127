"""Bodies of requests, read so that nothing in them is dropped."""

import json
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import anyio
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from pqkit.payload import without_twins

LARGE = 64 * 1024
"""Bytes from which on a body is parsed beside the event loop."""


class _Strict(Request):
    async def json(self) -> Any:
        """The body; JSONDecodeError, which the caller is told of, also where an object has a name twice."""
        text = await self.body()
        read = partial(json.loads, text, object_pairs_hook=without_twins)
        try:
            return read() if len(text) < LARGE else await anyio.to_thread.run_sync(read)
        except json.JSONDecodeError:
            raise
        except (ValueError, RecursionError) as error:
            raise json.JSONDecodeError(str(error) or type(error).__name__, "", 0) from None


class StrictRoute(APIRoute):
    """A route whose body has each name once."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            return await handle(_Strict(request.scope, request.receive))

        return strictly
