"""Prefetch: a worker holds up to 1,000 claims of short jobs, and one per slot of long jobs."""

SLICE = 0.03
MOST = 1_000
UNKNOWN = SLICE
WEIGHT = 0.8


class Pace:
    """Adapts the number of claims to the run times: each slot should hold about 30 ms of work."""

    def __init__(self, slots: int, *, prefetch: bool = True) -> None:
        self._slots, self._prefetch = slots, prefetch
        self._typical = UNKNOWN

    def saw(self, seconds: list[float]) -> None:
        """Adapt to run times: immediately when jobs are slow, gradually when they are fast.

        One slow run outweighs many fast ones, because a hoarded job costs more than an extra turn.
        """
        if seconds:
            seen = max(sum(seconds) / len(seconds), max(seconds) / 10)
            self._typical = max(seen, self._typical + WEIGHT * (seen - self._typical))

    def target(self) -> int:
        """Return the number of claims to hold, including running ones; at least one for each slot."""
        if not self._prefetch:
            return self._slots
        depth = max(1, round(SLICE / max(self._typical, 1e-6)))
        return max(self._slots, min(depth * self._slots, MOST))
