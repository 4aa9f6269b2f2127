"""Liveness and readiness endpoints, without a token and without details."""

from fastapi import APIRouter
from pydantic import BaseModel

from pqkit.api.authentication import OnQueue
from pqkit.api.strict_requests import StrictRoute
from pqkit.db.schema import check

router = APIRouter(route_class=StrictRoute, tags=["health"])


class Health(BaseModel):
    status: str = "ok"


@router.get("/healthz", operation_id="healthz")
async def healthz() -> Health:
    """This process answers."""
    return Health()


@router.get("/readyz", operation_id="readyz")
def readyz(queue: OnQueue) -> Health:
    """The database is available and has this program's schema; 503 otherwise."""
    check(queue.database)
    return Health()
