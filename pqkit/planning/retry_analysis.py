"""Retry analysis: which retries rescued jobs, and what another policy would have done.

It assumes that a try ends the same whenever it is made, which holds for causes that do not pass with time.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pqkit.domain.durations import SECOND
from pqkit.domain.retry_policy import check_policy, delay_before
from pqkit.queries.time_range import RunView

TRIES = {"completed", "failed", "timed_out"}


class Chance(NamedTuple):
    """The share of jobs that a try of that number completed, among the jobs that reached it."""

    attempt: int
    jobs: int
    completed: int
    share: float


class WhatIf(NamedTuple):
    """The effect of another policy on the record.

    ``rescued`` jobs would still have completed, ``lost`` ones no longer, ``never`` ones did not in either case.
    ``runs_saved`` runs would not have been made. Rescued jobs with a retry would have ended ``sooner`` by that many
    seconds on average (later if negative).
    """

    jobs: int
    rescued: int
    lost: int
    never: int
    runs: int
    runs_saved: int
    sooner: float


def rescues(runs: Sequence[RunView]) -> list[Chance]:
    """Count, by number, how often each try was made and how often it completed its job."""
    made, completed = Counter[int](), Counter[int]()
    for chain in chains(runs):
        made.update(range(1, len(chain) + 1))
        if chain[-1].outcome == "completed":
            completed[len(chain)] += 1
    return [Chance(n, made[n], completed[n], completed[n] / made[n]) for n in sorted(made)]


def what_if(runs: Sequence[RunView], backoff: Sequence[float], max_retries: int) -> WhatIf:
    """Apply these delays and this retry limit to the record. Raises BadPolicy for invalid ones."""
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
    """Group the tries of each job by retry budget; a resubmit begins another chain.

    Stops, snoozes and crashes are no tries.
    """
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
