"""A worker whose network carries nothing for longer than its lease.

It must stop its jobs before they run elsewhere.
"""

from pqkit.db import system_clock
from pqkit.domain.durations import SECOND
from pqkit.lab import Scratch, wait_until
from pqkit.lab.harness import experiment_record
from pqkit.lab.harness.fleet import Fleet, Member
from pqkit.lab.harness.ledger import Entry, entries
from pqkit.lab.harness.network_proxy import Proxy
from pqkit.lab.harness.postgres_server import on_a_server
from pqkit.lab.harness.result import Progress, Result, silent, verdict_of
from pqkit.lab.harness.verdict import Finding
from pqkit.queries import workers

SETTINGS = {"heartbeat": 0.5, "rescue_every": 0.5, "slots": 2, "log_level": "warning"}
PATIENCE = 180.0


def partition(place: Scratch, lease: float = 6, *, fault: str = "", progress: Progress = silent) -> Result:
    """Cut one of two workers off for twice its ``lease`` (seconds) while it runs a job.

    ``fault`` is for a control.
    """
    with on_a_server(place) as there, Proxy(there.url) as proxy, Fleet(there, (), **SETTINGS) as fleet:
        fleet.environment["PQKIT_RESCUE_AFTER"] = str(lease)
        experiment_record.prepare(there, fleet.queue)
        gate, pulse = there.folder / "gate", there.folder / "pulse"
        lonely = fleet.worker(fault=fault, url=proxy.url)
        fleet.wait_ready([lonely])
        job = fleet.queue.enqueue("lab.pulse", {"until": str(gate), "file": str(pulse)})
        wait_until(lambda: _begun(fleet, 1), PATIENCE, "the job's start")
        proxy.carry_nothing()
        cut = system_clock.steady()
        fleet.worker()
        progress(0.3, "one worker hears nothing, and nobody hears it")
        wait_until(lambda: _begun(fleet, 2), PATIENCE, "the job's second start")
        wait_until(lambda: system_clock.steady() - cut > 2e6 * lease, PATIENCE, "twice the lease")
        last = int((there.folder / "pulse-1").read_text())
        proxy.carry_again()
        gate.touch()
        progress(0.8, "the network is back")
        wait_until(lambda: job.state.final, PATIENCE, "the job's end")
        wait_until(lambda: _lives(fleet, lonely) > 1, PATIENCE, "the return of the worker that was cut off")
        fleet.stop()
        evidence = experiment_record.gather(there, fleet.queue)
        findings, smallest = verdict_of(evidence._replace(told=evidence.told._replace(ids=[job.id])))
        again = _begun(fleet, 2)[0].at
    figure = (
        f"partition: one worker cut off for {2 * lease:g} s at a lease of {lease:g} s: its handler ended "
        f"{(last - cut) / SECOND:.1f} s after the cut, its job ran again after {(again - cut) / SECOND:.1f} s"
    )
    words = f"the handler of the worker that was cut off ran on for {(last - again) / SECOND:.1f} s beside the next run"
    findings += [Finding("stopped in time", None, words)] if last >= again else []
    return Result(
        figure, {"ended": (last - cut) / SECOND, "again": (again - cut) / SECOND, "lease": lease}, findings, smallest
    )


def _begun(fleet: Fleet, attempt: int) -> list[Entry]:
    return [entry for entry in entries(fleet.ledger) if (entry.attempt, entry.phase) == (attempt, "begun")]


def _lives(fleet: Fleet, member: Member) -> int:
    """The number of times that a process has registered."""
    everybody = [*workers(fleet.queue.database), *workers(fleet.queue.database, living=False)]
    return len({worker.id for worker in everybody if worker.pid == member.pid})
