"""The bare driver alone, with several transaction sizes."""

from functools import partial

from pqkit.bench.baseline import Raw
from pqkit.bench.figures import Sample
from pqkit.bench.scale import Ground, Rounds, Scale

BATCHES = (1, 100, 1_000)


def bare(ground: Ground) -> Rounds:
    """Measure single and bulk inserts, drains by ones, and exchanges of 1, 100 and 1,000 jobs."""
    sizes = {f"raw exchange of {batch:,}": batch for batch in BATCHES}
    while True:
        found = {name: ground.raw(name) for name in ("raw insert one", "raw bulk insert", "raw drain by ones")}
        for name, batch in sizes.items():
            found[name] = ground.bare(partial(_exchange, batch))
        yield [Sample(name, ground.durability, "jobs/s", value) for name, value in found.items()]


def _exchange(batch: int, raw: Raw, scale: Scale) -> float:
    return raw.drain(5 * scale.jobs, batch, scale.seconds / 2)
