"""The story of an incident, for replay.

It records when jobs arrived, how long each run took, how it ended, and when workers died.
It holds times, names and outcomes, but neither arguments nor errors.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pqkit.db import Database
from pqkit.domain.durations import SECOND
from pqkit.errors import PqkitError, Refused
from pqkit.files import write_new
from pqkit.queries.time_range import RunView, Span, lives, runs

MOST = 500
SHORT = 15.0
PEACEFUL = "stopped"


class NoStory(PqkitError):
    """A span in which nothing ran."""


@dataclass
class Story:
    """Times of jobs, runs and deaths.

    ``jobs`` are [seconds from the start, task, [[outcome, seconds] of each run]], ``deaths`` seconds from the start.
    """

    jobs: list[list[Any]]
    deaths: list[float]
    workers: int

    @property
    def speed(self) -> float:
        """The factor by which a replay is accelerated, so that it is short enough for a test."""
        length: float = max([at for at, *_ in self.jobs] + self.deaths, default=0.0)
        return max(1.0, round(length / SHORT, 1))

    def write(self, path: Path) -> None:
        """Write the story to a new file. Raises Refused if the path exists, even as a link."""
        try:
            write_new(path, f"{json.dumps(asdict(self), separators=(',', ':'))}\n".encode(), 0o644)
        except FileExistsError:
            raise Refused(f"{path} is there already: move it away, or name another file") from None
        except OSError as error:
            raise Refused(f"{path} cannot be written: {error.strerror}") from None


def read_story(path: str | Path) -> Story:
    return Story(**json.loads(Path(path).read_text()))


def story_of(database: Database, span: Span, most: int = MOST) -> Story:
    """Read the record of at most ``most`` jobs of a span. Raises NoStory if nothing ran."""
    found: dict[int, list[RunView]] = {}
    for run in runs(database, span):
        found.setdefault(run.job, []).append(run)
    if not found:
        raise NoStory("nothing ran in that span, so there is nothing to play again")
    kept = list(found.values())[:most]
    start = min(run.due_at for each in kept for run in each)
    workers = [life for life in lives(database, span) if span.until is None or life.started_at < span.until]
    died = [life.ended_at for life in workers if life.ended_at and life.end_reason != PEACEFUL]
    within = [at for at in died if (span.since or 0) <= at and (span.until is None or at < span.until)]
    return Story(
        [[(each[0].due_at - start) / SECOND, each[0].task, [_ran(run) for run in each]] for each in kept],
        [max(0, at - start) / SECOND for at in within],
        max(2, len({life.worker for life in workers if life.end_reason in {None, PEACEFUL}})),
    )


def _ran(run: RunView) -> list[Any]:
    began = run.claimed_at if run.started_at is None else run.started_at
    return [run.outcome, round((run.ended_at - began) / SECOND, 3)]
