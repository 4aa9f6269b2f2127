"""Where a benchmark works, and how much of it there is."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from pqkit.bench.figures import Sample
from pqkit.db import Durability
from pqkit.db.site import Site
from pqkit.db.yardstick import Yardstick
from pqkit.lab import Scratch
from pqkit.queue import Queue, get_queue

Rounds = Generator[list[Sample], None, None]


class Scale(NamedTuple):
    """Jobs of a drain and of a bulk insert, and how long one measurement may take in seconds."""

    jobs: int
    bulk: int
    seconds: float


WHOLE = Scale(jobs=30_000, bulk=50_000, seconds=2.0)
QUICK = Scale(jobs=300, bulk=500, seconds=0.2)

RAW: dict[str, Callable[[Yardstick, Scale], float]] = {
    "raw insert one": lambda raw, scale: raw.insert_one(scale.seconds / 2),
    "raw bulk insert": lambda raw, scale: raw.insert_many(scale.bulk),
    "raw drain by ones": lambda raw, scale: raw.drain_one(scale.jobs, scale.seconds / 2),
    "raw exchange of 100": lambda raw, scale: raw.drain(5 * scale.jobs, 100, scale.seconds / 2),
    "raw inserts and exchange": lambda raw, scale: raw.mixed(100, scale.seconds),
}


class Ground(NamedTuple):
    """One site at one durability and one scale."""

    site: Site
    durability: Durability
    scale: Scale

    def place(self) -> Scratch:
        """A new folder with the URL of a database that is not there yet."""
        return Scratch(*self.site.new())

    @contextmanager
    def queue(self, place: Scratch | None = None) -> Iterator[Queue]:
        """A new queue, in a place of its own or in this one."""
        queue = get_queue((place or self.place()).url, durability=self.durability)
        try:
            yield queue
        finally:
            queue.close()

    def raw(self, name: str) -> float:
        """A measurement of the bare driver on a new database."""
        with Yardstick(self.place().url, self.durability) as yardstick:
            return RAW[name](yardstick, self.scale)

    def sample(self, turn: int, figure: str, against: str, measure: Callable[[], float]) -> Sample:
        """Measure beside the yardstick, which goes first in every other turn: what drifts, drifts for both."""
        if turn % 2:
            value, base = measure(), self.raw(against)
        else:
            base, value = self.raw(against), measure()
        return Sample(figure, self.durability, "jobs/s", value, against, base)
