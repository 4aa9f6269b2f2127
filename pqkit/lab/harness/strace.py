"""Runs pqkit's processes under strace, and reads its output."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pqkit.errors import NotFound

_LINE = re.compile(r"(\d+)\s+(.*)")
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(.*)")
_CALL = re.compile(r"(\w+)\((.*)\)\s+=\s+(-?\d+)")
_FILE = re.compile(r"\d+<((?:\\x[0-9a-f]{2})*)>")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
UNFINISHED = "<unfinished ...>"


class Call(NamedTuple):
    """A system call that succeeded: file, strings, raw text of its arguments, return value."""

    name: str
    file: str
    strings: list[bytes]
    arguments: str
    returned: int


def strace() -> str:
    """The path of strace; NotFound says how to install it."""
    found = shutil.which("strace")
    if found is None:
        raise NotFound("this experiment needs strace: install it with your system's package manager")
    return found


def start(options: Sequence[str], output: Path, command: Sequence[str], url: str, **settings: str) -> "Traced":
    """Start ``python -m command…`` under strace, or without it if there are no options.

    Its output goes to ``output``.
    """
    environment = {**os.environ, "PQKIT_URL": url, **{f"PQKIT_{name.upper()}": word for name, word in settings.items()}}
    tracing = [strace(), "-f", "-qq", *options] if options else []
    with output.open("ab") as log:
        return Traced(
            [*tracing, sys.executable, "-P", "-m", *command],
            env=environment,
            cwd=output.parent,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


class Traced(subprocess.Popen[bytes]):
    """A command in a process group of its own, perhaps under strace."""

    def end(self) -> None:
        """Kill the rest of the group: strace and all processes that it traced."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.wait()


def read(trace: Path) -> Iterator[Call]:
    """The calls of all processes in the order in which they returned."""
    begun: dict[str, str] = {}
    with trace.open(errors="replace") as lines:
        for line in lines:
            process, rest = _LINE.match(line).groups()  # type: ignore[union-attr] # every line has a pid: strace -f
            if rest.endswith(UNFINISHED):
                begun[process] = rest.removesuffix(UNFINISHED)
                continue
            resumed = _RESUMED.match(rest)
            call = _CALL.match(begun.pop(process, "") + resumed[1] if resumed else rest)
            if call and int(call[3]) >= 0:
                yield _call(call[1], call[2], int(call[3]))


def _call(name: str, arguments: str, returned: int) -> Call:
    file = _FILE.match(arguments)
    strings = [_bytes(text) for text in _STRING.findall(arguments)]
    path = _bytes(file[1]).decode(errors="replace") if file else ""
    return Call(name, path.removesuffix(" (deleted)"), strings, arguments, returned)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))
