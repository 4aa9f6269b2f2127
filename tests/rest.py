"""What tests of the REST interface share: the application in this process, the real service, tokens."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from pqkit import Queue
from pqkit.api import create_app, workers
from pqkit.api.app import ROUTERS
from pqkit.auth import Tokens
from pqkit.security.permissions import Scope
from tests.support import PATIENCE, free_port, wait_until


def token(queue: Queue, *scopes: Scope) -> str:
    """A token with these scopes; with none named, with all."""
    return Tokens(queue.database).add(queue.operator(), "test", scopes or tuple(Scope))


def client_of(queue: Queue, *scopes: Scope, get_dequeue: bool = False) -> TestClient:
    """A client that holds a token; used as a context, the application lives."""
    app = create_app(queue, get_dequeue=get_dequeue)
    headers = {"Authorization": f"Bearer {token(queue, *scopes)}"}
    return TestClient(app, headers=headers, raise_server_exceptions=False)


def needed() -> dict[tuple[str, str], str | None]:
    """The verb that each operation needs, by path and method; None where everybody may."""
    found: dict[tuple[str, str], str | None] = {}
    for route in [route for router in (*ROUTERS, workers.unsafe) for route in router.routes]:
        assert isinstance(route, APIRoute)
        verbs = [verb for each in route.dependant.dependencies if (verb := getattr(each.call, "verb", None))]
        found |= {(route.path, method): next(iter(verbs), None) for method in route.methods}
    return found


@contextmanager
def service(url: str, folder: Path, **settings: str) -> Iterator[str]:
    """The real `pqkit api` on that queue; where it listens."""
    port = free_port()
    environment = {**os.environ, "PQKIT_URL": url, "PQKIT_API_PORT": str(port)}
    environment |= {f"PQKIT_{name}": value for name, value in settings.items()}
    with (folder / "api.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "pqkit", "api"], cwd=folder, env=environment, stdout=log, stderr=log
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: process.poll() is not None or _answers(address), what="the start of the REST interface")
        assert process.poll() is None, (folder / "api.log").read_text()
        yield address
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0, (folder / "api.log").read_text()


def _answers(address: str) -> bool:
    try:
        with urlopen(f"{address}/readyz", timeout=PATIENCE) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
