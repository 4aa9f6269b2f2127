"""The description of the interface: each operation with the problems that it may answer."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from pqkit.api.problems import Problem

ALWAYS = {400: "The request cannot be read.", 413: "The body is too long.", 422: "The request does not fit."}
GUARDED = {401: "No token that counts.", 403: "The token's scopes do not allow it."}
FURTHER = {404: "There is no such thing.", 409: "Not in the state that it is in.", 503: "The database is away."}
REF = "#/components/schemas/Problem"


def install(app: FastAPI) -> None:
    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app)
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign] # as FastAPI documents it


def _describe(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schemas = made["components"]["schemas"]
    for theirs in ("HTTPValidationError", "ValidationError"):
        schemas.pop(theirs, None)
    schemas["Problem"] = Problem.model_json_schema()
    for path in made["paths"].values():
        for operation in path.values():
            guarded = GUARDED if "security" in operation else {}
            for status, words in (ALWAYS | guarded | FURTHER).items():
                operation["responses"][str(status)] = _problem(words)
    return made


def _problem(words: str) -> dict[str, Any]:
    return {"description": words, "content": {"application/problem+json": {"schema": {"$ref": REF}}}}
