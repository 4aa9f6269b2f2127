"""Runs supervisord as a child in its own session that never outlives its parent.

Also ends the processes that it leaves behind.
"""

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

from pqkit.process.linux import die_with_parent

INSIST_AFTER = 1.2
"""Seconds after which a worker counts a second signal as a second request."""


def start(config: Path, environment: Mapping[str, str], output: IO[bytes]) -> "subprocess.Popen[bytes]":
    """Start supervisord; ``output`` gets what it prints before its log is open.

    Its files are private to the user.
    """
    return subprocess.Popen(
        [sys.executable, "-P", "-m", __name__, str(os.getpid()), str(config)],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,  # Ctrl+C reaches `pqkit up` alone, which stops the others in order
        umask=0o077,
    )


def members(session: int) -> list[psutil.Process]:
    """Living processes of a session, without its leader."""
    found = []
    for pid in psutil.pids():
        with suppress(OSError, psutil.Error):
            if pid != session and os.getsid(pid) == session:
                process = psutil.Process(pid)
                if process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
    return found


def end_members(session: int, patience: float) -> list[int]:
    """Stop a session's remaining processes, and kill those alive after ``patience`` seconds.

    Returns the pids that were ended.
    """
    left = members(session)
    begun = time.monotonic()
    # A worker under Supervisor counts repeated SIGTERMs as one, and a SIGINT after them as a request to end at once.
    for number, until in ((signal.SIGTERM, begun + min(INSIST_AFTER, patience / 2)), (signal.SIGINT, begun + patience)):
        _signal(members(session), number)
        while members(session) and time.monotonic() < until:
            time.sleep(0.05)
    while survivors := members(session):
        _signal(survivors, signal.SIGKILL)
        time.sleep(0.05)
    return [process.pid for process in left]


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(number)


def main(parent: int, config: str) -> None:
    die_with_parent(signal.SIGTERM, parent)
    importlib.import_module("supervisor.supervisord").main(["-c", config])


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
