"""Errors as problem+json (RFC 9457): one line for the caller, and no internals."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from pqkit.errors import (
    DatabaseUnavailable,
    Forbidden,
    LeaseLost,
    NotFound,
    NotLoggedIn,
    PqkitError,
    Refused,
    SchemaError,
)
from pqkit.log import escape, get_logger
from pqkit.redaction.redact import redact

STATUS: dict[type[PqkitError], int] = {
    NotLoggedIn: 401,
    Forbidden: 403,
    NotFound: 404,
    Refused: 409,
    LeaseLost: 409,
    DatabaseUnavailable: 503,
    SchemaError: 503,
}
MOST_ERRORS = 20


class Problem(BaseModel):
    """The error of a request."""

    type: str = "about:blank"
    title: str = Field(description="The status in words.", examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="One line that says what to do.", examples=["there is no job 7"])


class ProblemAnswer(JSONResponse):
    """A response with the media type of a problem."""

    media_type = "application/problem+json"


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> ProblemAnswer:
    told = Problem(title=HTTPStatus(status).phrase, status=status, detail=escape(redact(detail)))
    return ProblemAnswer(told.model_dump(), status, headers)


def install(app: FastAPI) -> None:
    """Install handlers that answer every error of the application as a problem."""
    app.add_exception_handler(PqkitError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(_request: Request, error: Exception) -> ProblemAnswer:
    return answer_to(error)


def answer_to(error: Exception) -> ProblemAnswer:
    """Turn one of pqkit's own errors into an answer."""
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 422)
    headers = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "1"}}.get(status)
    if status == 503:
        get_logger("api").error("waiting for the database", error=str(error))
        return problem(503, "the database cannot be used just now: try again", headers)
    return problem(status, str(error), headers)


async def _invalid(_request: Request, error: Exception) -> ProblemAnswer:
    assert isinstance(error, RequestValidationError)
    return problem(422, "; ".join(_line(each) for each in error.errors()[:MOST_ERRORS]))


def _line(error: dict[str, Any]) -> str:
    where: Sequence[Any] = [step for step in error["loc"] if step != "body"]
    if error["type"] == "json_invalid":
        return f"body: it is not JSON that can be read: {error['ctx']['error']}"
    return f"{'.'.join(str(step)[:80] for step in where) or 'body'}: {error['msg']}"


async def _http(_request: Request, error: Exception) -> ProblemAnswer:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, error.detail, dict(error.headers or {}))


async def _unexpected(_request: Request, error: Exception) -> ProblemAnswer:
    get_logger("api").error("a request failed", error=f"{type(error).__name__}: {error}")
    return problem(500, "this went wrong here, and not with you: the log of `pqkit api` has more")
