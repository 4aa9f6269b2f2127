"""A writer that queues jobs as fast as it can and reports commits, errors and waits.

Usage: ``python -m pqkit.lab.harness.writer_process REPORT GO SECONDS``.
"""

import json
import sys
import time
from pathlib import Path

from pqkit.errors import PqkitError
from pqkit.lab import wait_until
from pqkit.queue import Queue, get_queue


def write(queue: Queue, seconds: float) -> dict[str, float]:
    """The commits, the errors, and the longest wait in seconds."""
    commits, errors, worst, end = 0, 0, 0.0, time.monotonic() + seconds
    while (begun := time.monotonic()) < end:
        try:
            queue.enqueue("lab.nap", {"seconds": 0})
            commits += 1
        except PqkitError:
            errors += 1
        worst = max(worst, time.monotonic() - begun)
    return {"commits": commits, "errors": errors, "worst": worst}


if __name__ == "__main__":
    report, go = Path(sys.argv[1]), Path(sys.argv[2])
    shared = get_queue()
    report.touch()
    wait_until(go.exists, 120, "the start")
    report.write_text(json.dumps(write(shared, float(sys.argv[3]))))
