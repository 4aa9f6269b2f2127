"""The retry lab: from the record of runs, which attempts ever rescued a job, and what another policy would have done.

It takes a try to end as it did whenever it had been made, which holds for causes that pass by no clock.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pqkit.domain.durations import SECOND
from pqkit.domain.retry_policy import check_policy, delay_before
from pqkit.queries.time_range import RunView

TRIES = {"completed", "failed", "timed_out"}


class Chance(NamedTuple):
    """Of the jobs that came to a try of that number, how many it completed."""

    attempt: int
    jobs: int
    completed: int
    share: float


class WhatIf(NamedTuple):
    """Another policy on the record: ``rescued`` jobs would still have completed, ``lost`` ones would not, ``never``
    ones did not anyway. ``runs_saved`` would not have been made; the rescued ones that needed a retry would have been
    done ``sooner`` by so many seconds each, on average (later where it is below 0)."""

    jobs: int
    rescued: int
    lost: int
    never: int
    runs: int
    runs_saved: int
    sooner: float


def rescues(runs: Sequence[RunView]) -> list[Chance]:
    """How often each try was made and how often it completed its job, by its number."""
    made, completed = Counter[int](), Counter[int]()
    for chain in chains(runs):
        made.update(range(1, len(chain) + 1))
        if chain[-1].outcome == "completed":
            completed[len(chain)] += 1
    return [Chance(n, made[n], completed[n], completed[n] / made[n]) for n in sorted(made)]


def what_if(runs: Sequence[RunView], backoff: Sequence[float], max_retries: int) -> WhatIf:
    """The record under these delays and so many retries. Raises BadPolicy for ones that make no sense."""
    check_policy(max_retries, backoff)
    found = list(chains(runs))
    ended = [chain for chain in found if chain[-1].outcome == "completed"]
    rescued = [chain for chain in ended if len(chain) <= max_retries + 1]
    retried = [_delays(chain) - _other_delays(chain, backoff) for chain in rescued if len(chain) > 1]
    return WhatIf(
        len(found),
        len(rescued),
        len(ended) - len(rescued),
        len(found) - len(ended),
        sum(map(len, found)),
        sum(max(0, len(chain) - max_retries - 1) for chain in found),
        sum(retried) / len(retried) if retried else 0.0,
    )


def chains(runs: Sequence[RunView]) -> Iterator[list[RunView]]:
    """The tries of each job that one budget paid for; those after a resubmit begin another chain. Stops, snoozes and
    crashes are no tries."""
    chain: list[RunView] = []
    for run in sorted((run for run in runs if run.outcome in TRIES), key=lambda run: (run.job, run.attempt)):
        if chain and (chain[-1].job != run.job or chain[-1].next_at is None):
            yield chain
            chain = []
        chain.append(run)
    if chain:
        yield chain


def _delays(chain: Sequence[RunView]) -> float:
    return sum((run.next_at - run.ended_at) / SECOND for run in chain if run.next_at is not None)


def _other_delays(chain: Sequence[RunView], backoff: Sequence[float]) -> float:
    return sum(delay_before(retry, backoff) for retry in range(1, len(chain)))
