"""A worker process: claims jobs, runs them in its slots, reports how they ended."""

from pqkit.worker.loop import Worker
from pqkit.worker.process import run_worker

__all__ = ["Worker", "run_worker"]
