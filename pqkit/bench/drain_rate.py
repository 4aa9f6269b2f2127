"""How fast real workers run jobs that do nothing, with all records that pqkit keeps."""

from itertools import count

from pqkit.bench.bench_workers import Crew, crew
from pqkit.bench.figures import Sample
from pqkit.bench.scale import Ground, Rounds


def drain(ground: Ground) -> Rounds:
    """Measure one and two worker processes, each with 1, 8 and 100 slots."""
    with crew(ground) as workers:
        for turn in count():
            yield [_drain(ground, workers, turn, number, slots) for number in (1, 2) for slots in (1, 8, 100)]


def _drain(ground: Ground, workers: Crew, turn: int, number: int, slots: int) -> Sample:
    scale, name = ground.scale, f"drain, {number} worker{'s' * (number > 1)}, {slots} slot{'s' * (slots > 1)}"
    with workers.working(number, "--slots", str(slots)):
        return ground.sample(turn, name, "raw exchange", lambda: workers.drain(scale.jobs, scale.seconds).rate)


RECORDS = {"attempt history": "no_history", "roll-ups": "no_rollups", "history and roll-ups": "no_records"}


def records(ground: Ground) -> Rounds:
    """Measure the cost of records: one worker with all of them, beside one without some."""
    with crew(ground) as workers:
        for turn in count():
            yield [_with_records(ground, workers, turn, name) for name in RECORDS]


def _with_records(ground: Ground, workers: Crew, turn: int, name: str) -> Sample:
    rates = {}
    for without in ("", RECORDS[name]) if turn % 2 else (RECORDS[name], ""):
        with workers.working(1, without=without):
            rates[without] = workers.drain(ground.scale.jobs, ground.scale.seconds).rate
    base = rates[RECORDS[name]]
    return Sample(f"drain with {name}", ground.durability, "jobs/s", rates[""], "the same without", base)


def alone(ground: Ground) -> Rounds:
    """Measure one slot without prefetch: a transaction for each job."""
    scale = ground.scale
    with crew(ground, prefetch=False) as workers, workers.working(1, "--slots", "1"):
        for turn in count():
            yield [
                ground.sample(
                    turn,
                    "drain, one job at a time",
                    "raw drain by ones",
                    lambda: workers.drain(scale.jobs, scale.seconds).rate,
                )
            ]
