"""The OpenAPI document: each operation with the problems that it may answer."""

import json
from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import Response

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

    @cache
    def written(prefix: str) -> bytes:
        servers = {"servers": [{"url": prefix}]} if prefix else {}
        return json.dumps(described() | servers, ensure_ascii=False, separators=(",", ":")).encode()

    async def openapi(request: Request) -> Response:
        """Serve the document, cached: it needs no token, so any client may ask for it often."""
        return Response(written(request.scope.get("root_path", "")), media_type="application/json")

    app.openapi = described  # type: ignore[method-assign] # as FastAPI documents it
    app.add_route("/openapi.json", openapi)


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
