"""Two records outside the database: the runs of handlers, and the answers to producers.

Both are files to which each process appends whole lines, so they survive the death of their writers.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from pqkit.db import system_clock

Phase = Literal["begun", "done"]


class Entry(NamedTuple):
    """A handler began an attempt or returned without an error.

    ``at`` is in microseconds since boot.
    """

    job_id: int
    attempt: int
    pid: int
    phase: str
    at: int


class Ledger:
    """The handler runs of a fleet."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, job_id: int, attempt: int, phase: Phase) -> None:
        line = f"{job_id} {attempt} {os.getpid()} {phase} {system_clock.steady()}\n"
        os.write(self._file, line.encode())


def entries(path: Path) -> list[Entry]:
    """The entries of the ledger; empty if no handler has run."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [_entry(*line.split()) for line in lines]


def _entry(job_id: str, attempt: str, pid: str, phase: str, at: str) -> Entry:
    return Entry(int(job_id), int(attempt), int(pid), phase, int(at))


class Diary:
    """A producer's own record: its requests, and the answers."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def ask(self, jobs: int) -> None:
        self._write({"ask": jobs})

    def told(self, ids: Iterable[int]) -> None:
        self._write({"told": list(ids)})

    def unanswered(self) -> None:
        """Record that the last request got no answer; the producer goes on."""
        self._write({"unanswered": True})

    def _write(self, line: dict[str, object]) -> None:
        os.write(self._file, json.dumps(line).encode() + b"\n")


class Told(NamedTuple):
    """The job ids that producers received, and the sizes of requests that got no answer."""

    ids: list[int]
    unanswered: list[int]


def read_diaries(paths: Iterable[Path]) -> Told:
    """Read the diaries, one file for each life of a producer.

    A request without an answer is the last line, or a note of it follows.
    """
    told = Told([], [])
    for path in paths:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        told.ids.extend(job_id for line in lines for job_id in line.get("told", ()))
        for line, following in zip(lines, [*lines[1:], {"unanswered": True}], strict=False):  # a life may leave none
            if "ask" in line and "unanswered" in following:
                told.unanswered.append(line["ask"])
    return told
