"""The place of a benchmark, and its size."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, nullcontext
from typing import NamedTuple

from pqkit.bench.baseline import Raw, yardstick
from pqkit.bench.figures import Sample
from pqkit.db import Durability
from pqkit.db.scratch import Site
from pqkit.lab import Scratch
from pqkit.queue import Queue, get_queue

Rounds = Generator[list[Sample], None, None]


class Scale(NamedTuple):
    """Sizes of the measurements.

    ``jobs`` of a drain, ``bulk`` jobs of a bulk insert, ``seconds`` that one measurement may take, ``threads`` that
    enqueue at once, ``pings`` of an idle worker after ``idle`` seconds, ``backlogs`` and ``finished`` jobs around a
    drain, jobs of one worker's ``life``.
    """

    jobs: int
    bulk: int
    seconds: float
    threads: int
    pings: int
    idle: float
    backlogs: tuple[int, ...]
    finished: int
    life: int


WHOLE = Scale(30_000, 50_000, 2.0, 64, 200, 10.0, (1_000, 100_000, 1_000_000), 1_000_000, 200_000)
QUICK = Scale(300, 500, 0.2, 8, 10, 0.2, (100, 1_000), 1_000, 1_000)

RAW: dict[str, Callable[[Raw, Scale], float]] = {
    "raw insert one": lambda raw, scale: raw.insert_one(scale.seconds / 2),
    "raw bulk insert": lambda raw, scale: raw.insert_many(scale.bulk),
    "raw drain by ones": lambda raw, scale: raw.drain_one(scale.jobs, scale.seconds / 2),
    "raw exchange": lambda raw, scale: raw.drain(5 * scale.jobs, raw.batch, scale.seconds / 2),
    "raw inserts and exchange": lambda raw, scale: raw.mixed(raw.batch, scale.seconds),
}


class Ground(NamedTuple):
    """One site at one durability and one scale."""

    site: Site
    durability: Durability
    scale: Scale

    def place(self) -> Scratch:
        """Return a new folder with the URL of a new database."""
        return Scratch(*self.site.new(), self.site.beside.url)

    @contextmanager
    def scratch(self) -> Iterator[Scratch]:
        """A new place that is removed afterwards."""
        place = self.place()
        try:
            yield place
        finally:
            place.remove()

    @contextmanager
    def queue(self, place: Scratch | None = None) -> Iterator[Queue]:
        """A new queue, in this place or in one of its own."""
        with nullcontext(place) if place else self.scratch() as here:
            queue = get_queue(here.url, durability=self.durability)
            try:
                yield queue
            finally:
                queue.close()

    def raw(self, name: str) -> float:
        """Measure the bare driver on a new database; ``name`` is a key of ``RAW``."""
        return self.bare(RAW[name])

    def bare(self, measure: Callable[[Raw, Scale], float]) -> float:
        """Measure something on a new raw queue."""
        with self.scratch() as place, yardstick(place.url, self.durability) as raw:
            return measure(raw, self.scale)

    def sample(self, turn: int, figure: str, against: str, measure: Callable[[], float]) -> Sample:
        """Measure beside the yardstick; the order alternates, so that drift affects both."""
        if turn % 2:
            value, base = measure(), self.raw(against)
        else:
            base, value = self.raw(against), measure()
        return Sample(figure, self.durability, "jobs/s", value, against, base)
