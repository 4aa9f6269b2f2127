"""How many claims a worker holds: up to a thousand short jobs, or one job of a second for each slot and no more."""

SLICE = 0.03
MOST = 1_000
UNKNOWN = SLICE
WEIGHT = 0.8


class Pace:
    """Adapts the batch to how long jobs take: each slot is to hold about 30 ms of work."""

    def __init__(self, slots: int, *, prefetch: bool = True) -> None:
        self._slots, self._prefetch = slots, prefetch
        self._typical = UNKNOWN

    def saw(self, seconds: list[float]) -> None:
        """Learn from runs that ended: at once that they are slow, by and by that they are short.

        One slow run outweighs many short ones, because a hoarded job costs more than a turn.
        """
        if seconds:
            seen = max(sum(seconds) / len(seconds), max(seconds) / 10)
            self._typical = max(seen, self._typical + WEIGHT * (seen - self._typical))

    def target(self) -> int:
        """Claims to hold, running ones included; never less than the slots."""
        if not self._prefetch:
            return self._slots
        depth = max(1, round(SLICE / max(self._typical, 1e-6)))
        return max(self._slots, min(depth * self._slots, MOST))
