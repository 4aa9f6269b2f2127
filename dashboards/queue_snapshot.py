"""The snapshot that the pages show: the result of the last poll of the database."""

from dataclasses import dataclass, field
from typing import NamedTuple

from pqkit import queries
from pqkit.backup.backup_folder import Kept
from pqkit.domain.states import JobState
from pqkit.supervise import Process


class Pace(NamedTuple):
    """The last minute: good and bad attempts, new jobs, and the number of pending jobs before.

    That number is from ``seconds`` ago (None if there were no samples).
    """

    completed: float = 0.0
    failed: float = 0.0
    enqueued: float = 0.0
    before: float | None = None
    seconds: float = 60.0


@dataclass(frozen=True)
class Snapshot:
    """The last snapshot. Each poll increments ``version``.

    ``away`` says why there is no newer data since ``away_since``.
    """

    version: int = 0
    at: int | None = None
    counts: dict[JobState, int] | None = None
    queues: tuple[queries.QueueView, ...] = ()
    workers: tuple[queries.WorkerView, ...] = ()
    unserved: tuple[queries.Unserved, ...] = ()
    pace: Pace = field(default_factory=Pace)
    outlook: queries.Outlook = field(default_factory=lambda: queries.Outlook([], 0, None))
    health: queries.Health | None = None
    processes: tuple[Process, ...] = ()
    backup: Kept | None = None
    obstacle: queries.Obstacle | None = None
    away: str | None = None
    away_since: int | None = None
    took: float = 0.0
