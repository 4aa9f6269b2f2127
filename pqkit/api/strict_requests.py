"""Strict requests: nothing in a body or a URL is silently ignored."""

import json
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, get_args, get_origin

import anyio
from fastapi.routing import APIRoute
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from pqkit.domain.payload import read_json
from pqkit.errors import PqkitError

VERB = "verb"
"""The attribute of a dependency that names the verb that its token must allow."""
LARGE = 64 * 1024
"""Bytes from which a body is parsed in a thread, outside the event loop."""
MOST_MEMBERS = 100


class UnknownParameter(PqkitError, ValueError):
    """A query parameter is unknown and would be ignored."""


class _Strict(Request):
    async def json(self) -> Any:
        """Parse the body. Raises JSONDecodeError also if a value would be dropped or rounded."""
        text = await self.body()
        read = partial(_read, text)
        try:
            return read() if len(text) < LARGE else await anyio.to_thread.run_sync(read)
        except json.JSONDecodeError:
            raise
        except ValueError as error:
            raise json.JSONDecodeError(str(error), "", 0) from None


def _read(text: bytes) -> Any:
    found = read_json(text)
    if isinstance(found, dict) and len(found) > MOST_MEMBERS:  # each unknown member would be a separate error
        raise ValueError(f"it has {len(found)} members, and nothing that is asked here has so many")
    return found


class StrictRoute(APIRoute):
    """A route that refuses query parameters that are unknown or given twice.

    On a route with a token, the authentication calls ``check_query`` after it has checked the token.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        guarded = any(hasattr(each.call, VERB) for each in self.dependant.dependencies)

        async def strictly(request: Request) -> Response:
            if not guarded:
                self.check_query(request.query_params)
            return await handle(_Strict(request.scope, request.receive))

        return strictly

    def check_query(self, given: QueryParams) -> None:
        """Raise UnknownParameter if a parameter is unknown, or repeated without taking a list."""
        known = {each.alias: _is_list(each.field_info.annotation) for each in self.dependant.query_params}
        for name, count in Counter(name for name, _ in given.multi_items()).items():
            if name not in known:
                takes = f"it takes {', '.join(known)}" if known else "it takes none"
                raise UnknownParameter(f"there is no parameter {name[:80]!r} here: {takes}")
            if count > 1 and not known[name]:
                raise UnknownParameter(f"the parameter {name!r} is given {count} times")


def _is_list(annotation: Any) -> bool:
    return any(get_origin(each) is list for each in (annotation, *get_args(annotation)))
