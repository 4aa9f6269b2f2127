"""Authenticates requests by bearer token, and checks the scope that each verb needs."""

from collections.abc import Callable
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from pqkit.api.strict_requests import VERB, StrictRoute
from pqkit.api.token_check import PRINCIPAL, SHOW_ONE
from pqkit.auth import Principal, Tokens
from pqkit.errors import NotLoggedIn
from pqkit.leasing.remote_workers import Remotes
from pqkit.queries.job_views import LISTED, PUBLIC, RAW, Told
from pqkit.queue import Queue

bearer = HTTPBearer(auto_error=False, description="A token that `pqkit tokens add` has shown.")


def needs(verb: str) -> Callable[..., Principal]:
    """Return a FastAPI dependency that yields a principal with permission for the verb."""

    def let_in(
        request: Request, shown: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)] = None
    ) -> Principal:
        if shown is None:
            raise NotLoggedIn(SHOW_ONE)
        known = request.scope.get(PRINCIPAL)
        principal = known or cast("Tokens", request.app.state.tokens).check(shown.credentials)
        request.scope[PRINCIPAL] = principal
        principal.require(verb)
        cast("StrictRoute", request.scope["route"]).check_query(request.query_params)
        return principal

    setattr(let_in, VERB, verb)
    return let_in


def told_to(who: Principal) -> Told:
    """Return how much of stored texts the principal may see."""
    return RAW if who.may("read_secrets") else PUBLIC


def listed_to(who: Principal) -> Told:
    """Return how much the principal may see in lists.

    Of long arguments, only the beginning is searched for secrets and shown.
    """
    return RAW if who.may("read_secrets") else LISTED


def the_queue(request: Request) -> Queue:
    return cast("Queue", request.app.state.queue)


def the_remotes(request: Request) -> Remotes:
    return cast("Remotes", request.app.state.remotes)


OnQueue = Annotated[Queue, Depends(the_queue)]
WithRemotes = Annotated[Remotes, Depends(the_remotes)]
Looker = Annotated[Principal, Depends(needs("look"))]
