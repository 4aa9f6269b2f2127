"""The measurements of a raw queue, the same for every database."""

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Self

ARGS = '{"n":123}'


class Raw(ABC):
    """A raw queue; every rate is in jobs per second.

    ``batch`` is the number of jobs at which an exchange is fastest.
    """

    batch: ClassVar[int]

    def insert_one(self, seconds: float) -> float:
        """Insert jobs one by one, each in its own commit."""
        return rate(self.insert, seconds)

    def insert_many(self, jobs: int) -> float:
        """Insert ``jobs`` jobs in one transaction, encoding their arguments on the way."""
        begun = time.perf_counter()
        self.fill(json.dumps({"n": n}) for n in range(jobs))
        return jobs / (time.perf_counter() - begun)

    def drain_one(self, jobs: int, seconds: float) -> float:
        """Claim one job in a transaction, and finish it in the next."""
        self.fill(ARGS for _ in range(jobs))
        return _rate_of(self._claims_one_by_one(), seconds)

    def drain(self, jobs: int, batch: int, seconds: float) -> float:
        """Finish the last batch and claim the next, in one transaction."""
        self.fill(ARGS for _ in range(jobs))
        return _rate_of(self._exchanges(batch), seconds)

    def mixed(self, batch: int, seconds: float) -> float:
        """Insert a batch one by one, then drain it in one exchange, repeatedly."""
        exchanges = self._exchanges(batch)

        def turn() -> int:
            for _ in range(batch):
                self.insert()
            return next(exchanges)

        return _rate_of(iter(turn, -1), seconds)

    def receive(self, many: int, received: Callable[[int], None]) -> None:
        """Claim ``many`` jobs, one by one as another process inserts them.

        It calls ``received`` when each claim is on disk.
        """
        for n in range(many):
            while not self.claim():
                self.wait()
            received(n)

    def send(self) -> None:
        """Insert one job, commit, and notify the process that waits."""
        self.insert()

    @abstractmethod
    def insert(self) -> None:
        """Insert one job and commit."""

    @abstractmethod
    def fill(self, texts: Iterator[str]) -> None:
        """Insert many jobs in one transaction."""

    @abstractmethod
    def claim(self) -> list[Any]:
        """Claim the next job and commit; return its row (id, arguments), or no row."""

    @abstractmethod
    def finish(self, job_id: int) -> None:
        """Finish a claimed job and commit."""

    @abstractmethod
    def exchange(self, done: Sequence[int], batch: int) -> list[Any]:
        """Finish claimed jobs and claim the next, in one transaction."""

    @abstractmethod
    def wait(self) -> None:
        """Wait for another process to insert a job, and return as soon as possible."""

    @abstractmethod
    def close(self) -> None:
        """Close the queue and delete what it has made."""

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
        """Yield the number of jobs that each exchange claimed, until none is left."""
        found: list[Any] = []
        while found := self.exchange([job_id for job_id, _ in found], batch):
            for _, args in found:
                _read(args)
            yield len(found)


def _read(args: Any) -> object:
    """Decode the arguments; a driver may have decoded them already."""
    return json.loads(args) if isinstance(args, str) else args


def rate(step: Callable[[], object], seconds: float) -> float:
    """Repeat ``step`` for ``seconds`` seconds; return how often it ran per second."""
    begun, done = time.perf_counter(), 0
    while (taken := time.perf_counter() - begun) < seconds:
        step()
        done += 1
    return done / taken


def _rate_of(steps: Iterator[int], seconds: float) -> float:
    """Jobs per second of steps that yield their job counts, until they end or time is up."""
    begun, done = time.perf_counter(), 0
    for jobs in steps:
        done += jobs
        if time.perf_counter() - begun >= seconds:
            break
    return done / (time.perf_counter() - begun)
