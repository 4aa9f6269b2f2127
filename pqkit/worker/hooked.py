"""Calling the user's hooks, in a thread of their own: a slow or broken one holds up no job."""

import queue
import threading
from collections.abc import Sequence

from pqkit.db import Database
from pqkit.errors import DatabaseUnavailable
from pqkit.hooks import Ended, registry
from pqkit.log import get_logger
from pqkit.outcome import summarize
from pqkit.queue import Finished
from pqkit.sql import compiled as sql
from pqkit.states import JobState

MOST = 10_000
"""Ends that wait for their hooks; more are not told, and the log says so."""


class Hooked:
    """The hooks of one worker; nothing of it runs before the first end that has one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ends: queue.Queue[Ended | None] = queue.Queue(MOST)
        self._thread: threading.Thread | None = None
        self._log = get_logger("hooks")

    def ended(self, finished: Sequence[Finished]) -> None:
        """After their commit."""
        if registry:
            self._tell([_ended(f) for f in finished if f.outcome.state in registry])

    def set_aside(self, job_ids: Sequence[int]) -> None:
        """These have killed their workers, which therefore tell nothing."""
        if JobState.UNPROCESSABLE in registry:
            try:
                with self._database.read() as tx:
                    rows = [row for job_id in job_ids for row in tx.rows(sql.ENDED_JOB, job_id)]
            except DatabaseUnavailable:
                self._log.error("hooks were not told: the database is away", jobs=list(job_ids[:20]))
            else:
                self._tell([Ended(*row)._replace(state=JobState(row[4])) for row in rows])

    def stop(self, patience: float) -> None:
        """Let the hooks end that were told already, for so many seconds."""
        if self._thread is not None:
            self._ends.put(None)
            self._thread.join(patience)

    def _tell(self, ends: list[Ended]) -> None:
        if ends and self._thread is None:
            self._thread = threading.Thread(target=self._call, name="hooks", daemon=True)
            self._thread.start()
        for number, end in enumerate(ends):
            try:
                self._ends.put_nowait(end)
            except queue.Full:
                self._log.error("hooks are too slow, and were not told of some ends", ends=len(ends) - number)
                return

    def _call(self) -> None:
        while (end := self._ends.get()) is not None:
            for hook in registry.get(end.state, ()):
                try:
                    hook(end)
                except BaseException as error:  # noqa: BLE001 - the next hook is to be called all the same
                    name = getattr(hook, "__name__", "?")
                    self._log.error("a hook failed", hook=name, job=end.job_id, error=summarize(error))


def _ended(f: Finished) -> Ended:
    claim, outcome = f.claim, f.outcome
    return Ended(claim.job_id, claim.task, claim.queue, claim.attempt, outcome.state, outcome.summary, f.ended_at)
