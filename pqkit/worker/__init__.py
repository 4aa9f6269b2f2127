"""A worker process: it claims jobs, runs them in its slots, and reports their outcomes.

Entry points: ``process`` (start, signals, restart), ``loop`` (one turn: claim and finish in one transaction),
``slots`` (threads, the event loop and child processes), ``attempt`` and ``executor`` (one run of a handler, decided
in an ``Outcome``), ``heartbeat`` (leases, cancels and the watchdog).

A worker imports neither SQLAlchemy nor Panel nor pandas, and the executor touches no database.

Who may import it: ``api``, ``testing``, ``lab``, ``bench`` and the command line.

Start reading: ``loop``, then ``attempt``.
"""

from pqkit.worker.loop import Worker
from pqkit.worker.process import run_worker

__all__ = ["Worker", "run_worker"]
