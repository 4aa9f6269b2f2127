"""What is measured of a raw queue, whichever database it is in."""

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Self

ARGS = '{"n":123}'


class Raw(ABC):
    """A raw queue. Every rate is in jobs per second. ``batch`` is how many jobs an exchange moves at its best."""

    batch: ClassVar[int]

    def insert_one(self, seconds: float) -> float:
        """One insert after the other, each its own commit."""
        return rate(self.insert, seconds)

    def insert_many(self, jobs: int) -> float:
        """So many inserts in one transaction, their arguments encoded on the way."""
        begun = time.perf_counter()
        self.fill(json.dumps({"n": n}) for n in range(jobs))
        return jobs / (time.perf_counter() - begun)

    def drain_one(self, jobs: int, seconds: float) -> float:
        """Claim one job in a transaction, finish it in the next."""
        self.fill(ARGS for _ in range(jobs))
        return _rate_of(self._claims_one_by_one(), seconds)

    def drain(self, jobs: int, batch: int, seconds: float) -> float:
        """Finish the last batch and claim the next, in one transaction."""
        self.fill(ARGS for _ in range(jobs))
        return _rate_of(self._exchanges(batch), seconds)

    def mixed(self, batch: int, seconds: float) -> float:
        """Insert a batch one by one, then drain it by one exchange, over and over."""
        exchanges = self._exchanges(batch)

        def turn() -> int:
            for _ in range(batch):
                self.insert()
            return next(exchanges)

        return _rate_of(iter(turn, -1), seconds)

    def receive(self, many: int, received: Callable[[int], None]) -> None:
        """Claim so many jobs, one by one as another process inserts them, and say which is claimed and on disk."""
        for n in range(many):
            while not self.claim():
                self.wait()
            received(n)

    def send(self) -> None:
        """One job, committed, and word of it to who waits."""
        self.insert()

    @abstractmethod
    def insert(self) -> None:
        """One job, committed."""

    @abstractmethod
    def fill(self, texts: Iterator[str]) -> None:
        """Many jobs in one transaction."""

    @abstractmethod
    def claim(self) -> list[Any]:
        """The next job as a row (id, arguments), committed; nothing when there is none."""

    @abstractmethod
    def finish(self, job_id: int) -> None:
        """End a claimed job, committed."""

    @abstractmethod
    def exchange(self, done: Sequence[int], batch: int) -> list[Any]:
        """End claimed jobs and claim the next, in one transaction."""

    @abstractmethod
    def wait(self) -> None:
        """Wait for another process to insert something, as briefly as that can be done."""

    @abstractmethod
    def close(self) -> None:
        """Close it and take away what it has made."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _claims_one_by_one(self) -> Iterator[int]:
        while found := self.claim():
            (job_id, args) = found[0]
            _read(args)
            self.finish(job_id)
            yield 1

    def _exchanges(self, batch: int) -> Iterator[int]:
        """How many jobs each exchange has claimed; it ends where nothing is left."""
        found: list[Any] = []
        while found := self.exchange([job_id for job_id, _ in found], batch):
            for _, args in found:
                _read(args)
            yield len(found)


def _read(args: Any) -> object:
    """The arguments as Python has them; a driver may have read them already."""
    return json.loads(args) if isinstance(args, str) else args


def rate(step: Callable[[], object], seconds: float) -> float:
    """How often a second ``step`` is done, one after the other for so many seconds."""
    begun, done = time.perf_counter(), 0
    while (taken := time.perf_counter() - begun) < seconds:
        step()
        done += 1
    return done / taken


def _rate_of(steps: Iterator[int], seconds: float) -> float:
    """Jobs per second of steps that say how many they did, until they end or the time is over."""
    begun, done = time.perf_counter(), 0
    for jobs in steps:
        done += jobs
        if time.perf_counter() - begun >= seconds:
            break
    return done / (time.perf_counter() - begun)
