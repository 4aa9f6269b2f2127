"""A real PostgreSQL for the tests: the one that PQKIT_TEST_POSTGRES_URL names, or one of our own out of a wheel."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from pqkit.errors import NotFound
from pqkit.lab.harness.postgres_server import HASTY, own_server
from pqkit.queue import get_queue

GIVEN = os.environ.get("PQKIT_TEST_POSTGRES_URL")  # read before a test clears the environment
TEMPLATE = f"pqkit_template_{os.getpid()}"


class Server:
    """Makes databases, each with pqkit's tables, in a moment."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._numbers = count(1)
        self._admin = psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True)
        self._run(f"DROP DATABASE IF EXISTS {TEMPLATE}")
        self._run(f"CREATE DATABASE {TEMPLATE}")
        get_queue(self.named(TEMPLATE)).close()

    def named(self, name: str) -> str:
        """The URL of a database of this server."""
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    @contextmanager
    def database(self, template: str | None = TEMPLATE) -> Iterator[str]:
        """The URL of a new database: with pqkit's tables, as a copy of another, or with None empty. It is gone
        afterwards, whoever uses it; a database that is copied must be in use by nobody."""
        name = f"pqkit_test_{os.getpid()}_{next(self._numbers)}"
        self._run(f"CREATE DATABASE {name}" + (f" TEMPLATE {template} STRATEGY file_copy" if template else ""))
        try:
            yield self.named(name)
        finally:
            self._run(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def connection(self) -> "Iterator[psycopg.Connection]":
        """A connection to a database with pqkit's tables, for questions only."""
        with psycopg.connect(self.named(TEMPLATE).replace("+psycopg", "", 1), autocommit=True) as connection:
            yield connection

    def close(self) -> None:
        self._run(f"DROP DATABASE {TEMPLATE} WITH (FORCE)")
        self._admin.close()

    def _run(self, text: str) -> None:
        self._admin.execute(text)  # type: ignore[call-overload]


@contextmanager
def running_server() -> Iterator[Server]:
    """The server of one test session."""
    if GIVEN:
        server = Server(GIVEN)
        yield server
        server.close()
        return
    try:
        with own_server(**HASTY) as cluster:
            yield Server(cluster.url)
    except NotFound as error:
        pytest.skip(str(error))
