"""A scheduler that ticks by the lab's clock, SKEW microseconds off.

Usage: ``python -m pqkit.lab.harness.scheduler_process CLOCK SKEW``.
"""

import sys
import time
from contextlib import suppress
from pathlib import Path

from pqkit.errors import DatabaseUnavailable
from pqkit.maintenance.scheduler import Ticker
from pqkit.queue import get_queue

PAUSE = 0.01


def tick_on(ticker: Ticker, clock: Path, skew: int) -> None:
    """Tick due schedules until the process is killed."""
    while True:
        now = int(clock.read_text()) + skew
        slot = ticker.next_tick()
        if slot is not None and slot <= now:
            with suppress(DatabaseUnavailable):
                ticker.tick(now)
        time.sleep(PAUSE)


if __name__ == "__main__":
    tick_on(Ticker(get_queue().database), Path(sys.argv[1]), int(sys.argv[2]))
