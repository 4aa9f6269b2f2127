"""Connections are cut around COMMIT, so that the client cannot know whether it succeeded.

Every effect must still be there exactly once.
"""

import secrets
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from pqkit.domain.states import JobState
from pqkit.errors import DatabaseUnavailable
from pqkit.lab import Scratch
from pqkit.lab.experiments.crash import CALM, QUICK, STUMBLE, Calm
from pqkit.lab.harness import experiment_record
from pqkit.lab.harness.fleet import Fleet
from pqkit.lab.harness.network_proxy import Proxy
from pqkit.lab.harness.postgres_server import on_a_server
from pqkit.lab.harness.result import Progress, Result, catch_timeout, silent, verdict_of
from pqkit.lab.harness.verdict import Finding
from pqkit.queries import counts
from pqkit.queue import Queue, get_queue

QUEUE = "default"
WORKERS, SHARE, WAVE = 3, 0.25, 10


def cuts(
    place: Scratch,
    wanted: int = 300,
    *,
    seed: int = 1,
    keyed: bool = True,
    fault: str = "",
    calm: float = CALM,
    progress: Progress = silent,
) -> Result:
    """Cut ``wanted`` commits, first of producers, then of workers.

    A producer repeats its request until it gets an answer. Controls: without ``keyed`` a repeated request has a new
    key; ``fault`` is built into the workers.
    """
    begun = time.monotonic()
    with on_a_server(place) as there, Fleet(there, (), **QUICK) as fleet, Proxy(there.url) as proxy:
        menu = _menu(there, fleet.queue)
        fleet.queue.operator("lab").pause(QUEUE)  # a job holds its key until it has ended
        proxy.cut_commits(SHARE, seed)
        told = _insist(proxy, menu, wanted // 3, keyed=keyed)
        produced = proxy.cuts.total()
        proxy.cut_commits(0)
        fleet.queue.operator("lab").resume(QUEUE)
        fleet.environment["PQKIT_URL"] = proxy.url
        fleet.wait_ready([fleet.worker(fault=fault) for _ in range(WORKERS)])
        proxy.cut_commits(SHARE, seed)
        late: list[Finding] = []
        with catch_timeout(late):
            for queued in _work(fleet, proxy, menu, wanted, calm):
                told += queued
                progress(min(proxy.cuts.total() / wanted, 1), f"{proxy.cuts.total()} cuts")
        proxy.cut_commits(0)
        fleet.stop()
        evidence = experiment_record.gather(there, fleet.queue)
        findings, smallest = verdict_of(evidence._replace(told=evidence.told._replace(ids=told)), late)
        refused = experiment_record.refusals(fleet.queue)
    broken = Counter(found.rule for found in findings)
    figure = (
        f"cuts: {proxy.cuts['before']} before and {proxy.cuts['after']} after COMMIT ({produced} of producers), "
        f"{len(evidence.states)} jobs: {broken['none lost']} lost, {len(evidence.states.keys() - set(told))} doubled, "
        f"{broken['effects once']} effects not once, {broken['all final']} not final"
    )
    numbers: dict[str, object] = {
        "before": proxy.cuts["before"],
        "after": proxy.cuts["after"],
        "jobs": len(evidence.states),
        "refused": refused,
    }
    return Result(figure, {**numbers, "seconds": round(time.monotonic() - begun, 1)}, findings, smallest)


Menu = list[tuple[str, dict[str, Any]]]


def _menu(place: Scratch, queue: Queue) -> Menu:
    stamps = str(experiment_record.prepare(place, queue))
    return [("lab.effect", {}), ("lab.stamp", {"folder": stamps}), ("lab.nap", {"seconds": 0.01}), (STUMBLE, {})]


def _insist(proxy: Proxy, menu: Menu, wanted: int, *, keyed: bool) -> list[int]:
    """Queue jobs through the proxy until enough commits were cut; repeat each until answered."""
    queue, told = get_queue(proxy.url), list[int]()
    while proxy.cuts.total() < wanted:
        task, arguments = menu[len(told) % len(menu)]
        key = f"request {len(told)}" if keyed else ""
        told.append(_ask_until_told(queue, task, arguments, key))
    queue.close()
    return told


def _ask_until_told(queue: Queue, task: str, arguments: dict[str, Any], key: str) -> int:
    """Repeat an enqueue until it is answered; without ``key``, each time under a new key.

    A job without any key is inserted without the COMMIT that the proxy recognizes.
    """
    while True:
        try:
            return queue.enqueue(task, arguments, unique_key=key or secrets.token_hex(8), queue=QUEUE).id
        except DatabaseUnavailable:
            continue


def _work(fleet: Fleet, proxy: Proxy, menu: Menu, wanted: int, calm: float) -> Iterator[list[int]]:
    """Keep the workers busy until the cuts are made, then drain the queue.

    It yields the ids of the jobs that it queues.
    """
    quiet = Calm(calm)
    while True:
        now = counts(fleet.queue.database)
        enough, left = proxy.cuts.total() >= wanted, sum(n for state, n in now.items() if not state.final)
        if enough:
            proxy.cut_commits(0)
        if enough and not left:
            return
        if not enough and now[JobState.PENDING] < WAVE:
            yield [job for task, arguments in menu for job in fleet.queue.enqueue_many(task, [arguments] * WAVE)]
        quiet.check((left, proxy.cuts.total()))
        time.sleep(0.1)
        yield []
