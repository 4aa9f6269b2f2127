"""A queue's settings: concurrency, rate, retries and retention.

Pure arithmetic over microseconds; the claim and ``why`` both use it.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple, TypedDict

from pqkit.domain.durations import SECOND
from pqkit.domain.retry_policy import check_policy, shown
from pqkit.errors import PqkitError

MOST = 1_000_000_000
NEARLY = 1e-6
LATE, MOST_LATE = 100_000, 0.9  # microseconds; share of the time between two starts
YEAR = 366 * 86_400.0


class BadLimit(PqkitError, ValueError):
    """An invalid setting of a queue."""


class QueueOptions(TypedDict, total=False):
    """The settings of a queue to change; None removes one. See ``QueueSettings``."""

    concurrency: int | None
    key_concurrency: int | None
    rate: int | None
    rate_per: float | None
    rate_burst: int | None
    ageing: float | None
    max_retries: int | None
    backoff: Sequence[float] | None
    keep_completed: float | None
    keep_dead: float | None


class QueueSettings(NamedTuple):
    """The settings of a queue; None leaves the choice to the task and to pqkit's defaults.

    At most ``concurrency`` jobs run at once on all workers together, and ``key_concurrency`` with the same
    ``limit_key``. At most ``rate`` jobs start in ``rate_per`` seconds, ``rate_burst`` of them at once after a rest. A
    waiting job gains one step of priority every ``ageing`` seconds. ``max_retries`` and ``backoff`` (JSON, seconds
    before each retry) apply to jobs whose task and enqueue set none. Ended jobs are kept ``keep_completed`` days, dead
    letters and failed jobs ``keep_dead`` days.
    """

    concurrency: int | None = None
    key_concurrency: int | None = None
    rate: int | None = None
    rate_per: float | None = None
    rate_burst: int | None = None
    ageing: float | None = None
    max_retries: int | None = None
    backoff: str | None = None
    keep_completed: float | None = None
    keep_dead: float | None = None

    @property
    def limited(self) -> bool:
        """True if a claim must look at more than the head of the queue."""
        return any(limit is not None for limit in (self.concurrency, self.key_concurrency, self.rate, self.ageing))

    @property
    def _step(self) -> float:
        """Microseconds in which the rate frees one job."""
        return (self.rate_per or 1.0) * SECOND / (self.rate or 1)

    @property
    def burst(self) -> int:
        """The number of jobs that may start at once after a rest; default: one second's worth."""
        return self.rate_burst or max(1, round(SECOND / self._step))

    def _full_at(self, rate_at: int | None, now: int) -> float:
        """When the bucket is full again, at the latest as if it were empty now.

        The bound holds because the clock may have been set back. If the bucket was full a moment ago, that moment
        (nearly) counts: a worker that looks late must not delay later starts, or the rate would never be reached.
        """
        late = min(self._step * MOST_LATE, LATE)
        if rate_at is None or now - rate_at > SECOND:
            rate_at = now
        return min(max(rate_at, now - late), now + self.burst * self._step)

    def free(self, rate_at: int | None, now: int) -> int:
        """The number of jobs that the rate lets start now."""
        if self.rate is None:
            return MOST
        return int((now + self.burst * self._step - self._full_at(rate_at, now)) / self._step + NEARLY)

    def spent(self, rate_at: int | None, now: int, jobs: int) -> int:
        """When the bucket is full again after ``jobs`` starts."""
        return round(self._full_at(rate_at, now) + jobs * self._step)

    def next_at(self, rate_at: int | None, now: int) -> int:
        """The moment from which the rate lets the next job start."""
        return round(max(now, self._full_at(rate_at, now) - (self.burst - 1) * self._step))

    def changed(self, options: QueueOptions) -> "QueueSettings":
        """Apply these options; raises BadLimit for invalid values."""
        values: dict[str, object] = dict(options)
        if options.get("backoff") is not None:
            check_policy(None, options["backoff"])
            values["backoff"] = json.dumps(list(options["backoff"] or ()))
        if "rate" in options and options["rate"] is None:
            values = {"rate_per": None, "rate_burst": None, **values}
        changed = self._replace(**values)  # type: ignore[arg-type]
        changed.check()
        return changed

    def keeps_less_than(self, before: "QueueSettings") -> bool:
        """True if ended jobs may be pruned earlier than before; a default may be less than a number."""
        return any(
            now != then and (now is None or then is None or now < then)
            for now, then in ((self.keep_completed, before.keep_completed), (self.keep_dead, before.keep_dead))
        )

    def check(self) -> None:
        for name in ("concurrency", "key_concurrency", "rate", "rate_burst"):
            _check_count(name, getattr(self, name))
        for name in ("rate_per", "ageing", "keep_completed", "keep_dead"):
            _check_span(name, getattr(self, name))
        if self.rate is None and (self.rate_per, self.rate_burst) != (None, None):
            raise BadLimit("rate_per and rate_burst say more about a rate: give rate, the number of jobs, too")
        check_policy(self.max_retries, None if self.backoff is None else json.loads(self.backoff))


PLAIN = QueueSettings()


def _check_count(name: str, value: object) -> None:
    if value is not None and (type(value) is not int or not 0 < value <= MOST):
        raise BadLimit(f"{name} must be a whole number from 1 to {MOST:,}, or none, not {shown(value)}")


def _check_span(name: str, value: object) -> None:
    unit = "days" if name.startswith("keep") else "seconds"
    if value is not None and (
        type(value) not in {int, float} or not 0 < value <= YEAR * 100  # type: ignore[operator] # a number here
    ):
        raise BadLimit(f"{name} must be {unit}, more than 0, or none, not {shown(value)}")
