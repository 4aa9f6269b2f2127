"""Who does a duty of maintenance: one process at a time, by a lease row."""

from collections.abc import Sequence
from typing import Any

from pqkit.domain.durations import SECOND
from pqkit.maintenance.base import Verbs
from pqkit.maintenance.dead_workers import Living, death
from pqkit.sql import compiled as sql

DUTY_SECONDS = 5.0
DUTY_SPAN = round(DUTY_SECONDS * SECOND)


class Leader(Verbs):
    """Taking, renewing and giving up a duty."""

    def take_duty(self, worker_id: int, name: str = "maintenance") -> bool:
        """Take the duty for a few seconds of the lease clock; False while a living other holds it."""
        boot, reading = self._database.lease_moment()
        seen = self._database.row(sql.DUTY_HELD, reading, name)
        if seen and _held_by_other(seen, worker_id, boot):
            return False
        with self._database.write() as tx:
            held = tx.row(sql.DUTY_HELD, reading, name)
            if held and _held_by_other(held, worker_id, boot):
                return False
            # Of two that come at once, the second finds the row gone that it saw, or a new one in its place.
            if held and not tx.run(sql.DELETE_DUTY, name, held[0], held[2]):
                return False
            return bool(tx.run(sql.INSERT_DUTY, name, worker_id, boot, reading, DUTY_SPAN))

    def renew_duty(self, worker_id: int, name: str = "maintenance") -> bool:
        """Hold the duty for some seconds more; False where its time is over, or another has it."""
        boot, reading = self._database.lease_moment()
        return bool(self._database.write_one(sql.RENEW_DUTY, reading, DUTY_SPAN, name, worker_id, boot))

    def drop_duty(self, worker_id: int, name: str = "maintenance") -> None:
        """Give the duty up, so that another takes it at once."""
        with self._database.write() as tx:
            held = tx.row(sql.DUTY_HELD, self._database.lease_moment()[1], name)
            if held and held[0] == worker_id:
                tx.run(sql.DELETE_DUTY, name, held[0], held[2])

    def duty_is_free(self, worker_id: int, name: str = "maintenance") -> bool:
        """Whether no living other holds the duty."""
        boot, reading = self._database.lease_moment()
        seen = self._database.row(sql.DUTY_HELD, reading, name)
        return not (seen and _held_by_other(seen, worker_id, boot))

    def resign(self, worker_id: int, duties: Sequence[str]) -> None:
        """Give maintenance up, and put on record for which duties."""
        self.drop_duty(worker_id)
        with self._database.write() as tx:
            for duty in duties:
                tx.run(sql.RESIGNED_FOR, worker_id, duty)

    def note_failure(self, worker_id: int, duty: str, error: str) -> None:
        """Put on record that this duty fails again and again on that worker."""
        with self._database.write() as tx:
            tx.run(sql.INSERT_DUTY_FAILURE, worker_id, duty, self._database.now(), error, 0)

    def forget_failure(self, worker_id: int, duty: str) -> None:
        """It works there again."""
        with self._database.write() as tx:
            tx.run(sql.DELETE_DUTY_FAILURE, worker_id, duty)


def _held_by_other(seen: tuple[Any, ...], worker_id: int, boot: str) -> bool:
    """Whether another has the duty: its time is not over, and its process is not known to be gone."""
    holder, its_boot, until, worker = *seen[:3], Living(*seen[3:])
    if holder == worker_id or its_boot != boot or until <= worker.now:
        return False
    return worker.id is None or not death(worker, boot, None, None)
