"""A real PgBouncer for the tests, which lends a server's few connections for single transactions."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from pqkit.db.postgresql.url import read_address
from tests.support import free_port, wait_until

PLACES = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
CONFIGURATION = """
[databases]
* = {server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 200
logfile = {folder}/log
pidfile = {folder}/pid
"""


@contextmanager
def pooled(url: str, size: int = 3) -> Iterator[str]:
    """The URL of the same database through PgBouncer in transaction mode, which opens so many connections to it."""
    program = shutil.which("pgbouncer", path=PLACES)
    if program is None:
        pytest.skip("there is no PgBouncer: apt-get install pgbouncer")
    params, port = read_address(url).params, free_port()
    server = " ".join(f"{name}={params[name]}" for name in ("host", "port", "user", "password") if name in params)
    folder = Path(tempfile.mkdtemp(prefix="pqkit-pool-"))
    try:
        written = folder / "pgbouncer.ini"
        written.write_text(CONFIGURATION.format(server=server, port=port, size=size, folder=folder))
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody")
        command = [program, *(["-u", "nobody"] if os.geteuid() == 0 else []), str(written)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        there = f"postgresql+psycopg://{params.get('user', '')}@127.0.0.1:{port}{urlsplit(url).path}"
        try:
            wait_until(lambda: _answers(there), what="PgBouncer")
            yield there
        finally:
            process.kill()
            process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _answers(url: str) -> bool:
    with suppress(psycopg.OperationalError):
        psycopg.connect(url.replace("+psycopg", "", 1)).close()
        return True
    return False
