"""Leader election for maintenance: a lease row gives a duty to one process at a time."""

from collections.abc import Sequence
from typing import Any

from pqkit.domain.durations import SECOND
from pqkit.maintenance.base import Verbs
from pqkit.maintenance.dead_workers import Living, death
from pqkit.sql import compiled as sql

DUTY_SECONDS = 5.0
DUTY_SPAN = round(DUTY_SECONDS * SECOND)


class Leader(Verbs):
    """Takes, renews and drops a duty."""

    def take_duty(self, worker_id: int, name: str = "maintenance") -> bool:
        """Take the duty for a few seconds of the lease clock; False while another worker holds it."""
        boot, reading = self._database.lease_moment()
        seen = self._database.row(sql.DUTY_HELD, reading, name)
        if seen and _held_by_other(seen, worker_id, boot):
            return False
        with self._database.write() as tx:
            held = tx.row(sql.DUTY_HELD, reading, name)
            if held and _held_by_other(held, worker_id, boot):
                return False
            # If two workers race, the loser's DELETE matches no row.
            if held and not tx.run(sql.DELETE_DUTY, name, held[0], held[2]):
                return False
            return bool(tx.run(sql.INSERT_DUTY, name, worker_id, boot, reading, DUTY_SPAN))

    def renew_duty(self, worker_id: int, name: str = "maintenance") -> bool:
        """Renew the duty for a few seconds; False if it has expired or another worker has it."""
        boot, reading = self._database.lease_moment()
        return bool(self._database.write_one(sql.RENEW_DUTY, reading, DUTY_SPAN, name, worker_id, boot))

    def drop_duty(self, worker_id: int, name: str = "maintenance") -> None:
        """Give the duty up, so that another worker can take it at once."""
        with self._database.write() as tx:
            held = tx.row(sql.DUTY_HELD, self._database.lease_moment()[1], name)
            if held and held[0] == worker_id:
                tx.run(sql.DELETE_DUTY, name, held[0], held[2])

    def duty_is_free(self, worker_id: int, name: str = "maintenance") -> bool:
        """True if no other living worker holds the duty."""
        boot, reading = self._database.lease_moment()
        seen = self._database.row(sql.DUTY_HELD, reading, name)
        return not (seen and _held_by_other(seen, worker_id, boot))

    def resign(self, worker_id: int, duties: Sequence[str]) -> None:
        """Give maintenance up, and record the failing duties as the reason."""
        self.drop_duty(worker_id)
        with self._database.write() as tx:
            for duty in duties:
                tx.run(sql.RESIGNED_FOR, worker_id, duty)

    def note_failure(self, worker_id: int, duty: str, error: str) -> None:
        """Record that this duty keeps failing on that worker."""
        with self._database.write() as tx:
            tx.run(sql.INSERT_DUTY_FAILURE, worker_id, duty, self._database.now(), error, 0)

    def forget_failure(self, worker_id: int, duty: str) -> None:
        """Delete the record of a failing duty, since it works again."""
        with self._database.write() as tx:
            tx.run(sql.DELETE_DUTY_FAILURE, worker_id, duty)


def _held_by_other(seen: tuple[Any, ...], worker_id: int, boot: str) -> bool:
    """True if another worker holds an unexpired duty and its process is not known to be gone."""
    holder, its_boot, until, worker = *seen[:3], Living(*seen[3:])
    if holder == worker_id or its_boot != boot or until <= worker.now:
        return False
    return worker.id is None or not death(worker, boot, None, None)
