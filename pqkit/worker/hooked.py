"""Calling the user's hooks, in a thread of their own: a slow or broken one holds up no job.

A process tells of the ends that it writes: a worker those of its runs, `pqkit api` those of REST workers. Ends that
operators wrote, wherever they did, are told by the process that does maintenance, from their actions on: how far it
came is kept after the calls, so that the next one goes on there, and tells the last ones again rather than not at all.
"""

import json
import queue
import threading
from collections.abc import Sequence

from pqkit.db import Database, Transaction
from pqkit.errors import DatabaseUnavailable
from pqkit.hooks import Ended, registry
from pqkit.log import get_logger
from pqkit.outcome import summarize
from pqkit.queue import Finished
from pqkit.queue.upkeep import Deed
from pqkit.queue.verbs import BATCH
from pqkit.sql import compiled as sql
from pqkit.states import JobState

MOST = 10_000
"""Ends that wait for their hooks; more are not told, and the log says so."""


ENDS = {"cancel": JobState.CANCELED, "replace": JobState.CANCELED, "mark_failed": JobState.FAILED}
"""The verbs of operators that end a job, and how."""


class Hooked:
    """The hooks of one process; nothing of it runs before the first end that has one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ends: queue.Queue[Ended | int | None] = queue.Queue(MOST)
        self._thread: threading.Thread | None = None
        self._seen = -1
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

    def catch_up(self, last_action: int) -> None:
        """Tell of the ends that operators wrote since the last look, up to that action."""
        if not registry or last_action <= self._seen or not self._ends.empty():
            return
        with self._database.read() as tx:
            row = tx.row(sql.TOLD_UP_TO)
            actions = tx.rows(sql.ACTIONS_SINCE, row[0], BATCH) if row else []
            ends = [end for action in map(Deed._make, actions) for end in self._ends_of(tx, action)]
        told = actions[-1][0] if actions else last_action
        self._seen = told
        self._tell([end for end in ends if end.state in registry])
        if self._thread is None or not row:
            self._write_down(told)
        else:
            self._ends.put(told)

    def _ends_of(self, tx: Transaction, action: Deed) -> list[Ended]:
        """What an action ended; a run that it asked to stop is its worker's to tell."""
        state = ENDS.get(action.verb)
        if state is None or action.job_id is None or json.loads(action.detail).get("from") == JobState.PROCESSING:
            return []
        found = [Ended(*row)._replace(state=JobState(row[4])) for row in tx.rows(sql.ENDED_JOB, action.job_id)]
        return [end for end in found if end.state is state]

    def _write_down(self, action: int) -> None:
        try:
            with self._database.write() as tx:
                tx.run(sql.SET_TOLD_UP_TO, action)
        except DatabaseUnavailable:
            self._seen = -1  # they are told once more

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
            if isinstance(end, int):
                self._write_down(end)
                continue
            for hook in registry.get(end.state, ()):
                try:
                    hook(end)
                except BaseException as error:  # noqa: BLE001 - the next hook is to be called all the same
                    name = getattr(hook, "__name__", "?")
                    self._log.error("a hook failed", hook=name, job=end.job_id, error=summarize(error))


def _ended(f: Finished) -> Ended:
    claim, outcome = f.claim, f.outcome
    return Ended(claim.job_id, claim.task, claim.queue, claim.attempt, outcome.state, outcome.summary, f.ended_at)
