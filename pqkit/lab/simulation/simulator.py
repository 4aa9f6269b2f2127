"""A deterministic simulation from one seed, with faults and clock steps.

It has workers, producers, operators and maintenance. Everything runs in one process over the queue's real verbs; the
seed alone determines the events.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from typing import Any, NamedTuple

from pqkit.domain.durations import SECOND
from pqkit.domain.states import JobState
from pqkit.lab.harness.forking_producer import queue_in_child
from pqkit.lab.harness.result import Progress, Result, silent
from pqkit.lab.harness.verdict import Finding
from pqkit.lab.simulation.clocks import Process
from pqkit.lab.simulation.databases import SimulatedDatabase, simulated
from pqkit.lab.simulation.machine import World
from pqkit.lab.simulation.oracle import FORKS, FREE, STALE_AFTER, Broken, Witness
from pqkit.lab.simulation.simulated_maintainers import STEP, STEPS, Rota
from pqkit.lab.simulation.workers import Crew

QUEUES = ("images", "mails")
PRODUCED = {"good": 4, "flaky": 3, "doomed": 1, "moody": 3, "effect": 4, "file": 4, "poison": 1}
CALM_ROUNDS, STILL_ROUNDS = 300, 20
CHUNK = 100
FORKS_EVERY = 25
SCENES_EVERY, CRIPPLED_AT, CROWDED_AT = 10, 1, 2
CROWD = 8


class Played(NamedTuple):
    """One seed's history: (simulated seconds, words), and every promise broken in it."""

    seed: int
    events: list[tuple[float, str]]
    broken: list[Broken]
    jobs: int
    seconds: float


@contextmanager
def simulator(beside: str | None = None) -> Iterator[Callable[[int], Played]]:
    """A function that plays a seed.

    All seeds use one scratch database, a file or one on a PostgreSQL server.
    """
    with simulated(beside) as database:
        yield lambda seed: Simulation(database, seed).play()


def play_all(seeds: range, beside: str | None = None) -> Iterator[Played]:
    """Play these seeds on all cores, in order."""
    chunks = [seeds[at : at + CHUNK] for at in range(0, len(seeds), CHUNK)]
    with ProcessPoolExecutor(min(len(chunks), os.cpu_count() or 1), mp_context=get_context("spawn")) as pool:
        for played in pool.map(partial(_play_chunk, beside=beside), chunks):
            yield from played


def simulate(seeds: range, *, beside: str | None = None, progress: Progress = silent) -> Result:
    """Play these seeds; every broken promise is a finding that names its seed."""
    jobs, lived = 0, 0.0
    findings: list[Finding] = []
    for number, played in enumerate(play_all(seeds, beside)):
        progress(number / len(seeds), f"{number} seeds")
        jobs, lived = jobs + played.jobs, lived + played.seconds
        findings += [Finding(rule, job, f"seed {played.seed}: {words}") for rule, job, words in played.broken]
    figure = (
        f"simulate: {len(seeds):,} seeds, {jobs:,} jobs, {lived / 3600:,.0f} simulated hours: "
        f"{len(findings)} promises broken"
    )
    return Result(figure, {"seeds": len(seeds), "jobs": jobs, "hours": lived / 3600}, findings)


def _play_chunk(seeds: range, beside: str | None) -> list[Played]:
    with simulator(beside) as play:
        return [play(seed) for seed in seeds]


class Simulation:
    """One seed: a time of chaos, then a calm in which every job must end."""

    def __init__(self, database: SimulatedDatabase, seed: int) -> None:
        self._seed, self._database = seed, database
        self._world = World(database, seed)
        self._rng, self._queue = self._world.rng, self._world.queue
        self._witness = Witness(database)
        self._crew = Crew(self._world, self._witness)
        self._sets_clock = self._rng.random() < 0.4
        self._rota: Rota | None = None

    def play(self) -> Played:
        drained = False
        try:
            with self._world.machine.instead():
                for _ in range(self._rng.randint(30, 90)):
                    self._step()
                drained = self._calm_down()
        except Exception as error:  # noqa: BLE001 - any error that a broken queue raises is a finding
            self._witness.blame("no error", 0, f"{type(error).__name__}: {error}")
        broken = self._witness.judge(drained=drained or bool(self._witness.broken))
        return Played(self._seed, self._world.events, broken, len(self._witness.jobs), self._world.lived / SECOND)

    # Chaos

    def _step(self) -> None:
        self._world.pass_time(self._rng.choice((0.05, 0.5, 1, 2, 5, 12)))
        self._crew.some_beat(0.3)
        actions, weights = zip(*self._chances(), strict=True)
        self._rng.choices(actions, weights)[0]()

    def _chances(self) -> list[tuple[Callable[[], None], float]]:
        crew, worker = self._crew, self._crew.anyone()
        return [
            (self._enqueue, 14),
            (lambda: crew.work(worker), 40),
            (lambda: crew.maintain(worker), 16),
            (self._operate, 8),
            (self._pause_or_resume, 3),
            (lambda: crew.kill_one(worker), 3),
            (lambda: crew.freeze(worker), 4),
            (lambda: crew.stop(worker), 2),
            (self._prune, 2),
            (self._set_clock, 4 if self._sets_clock else 0),
            (self._suspend, 2),
            (crew.lose_all, 0.2),
        ]

    def _enqueue(self) -> None:
        kind = self._rng.choices(list(PRODUCED), list(PRODUCED.values()))[0]
        options: dict[str, Any] = {
            "queue": self._rng.choice(QUEUES),
            "priority": self._rng.choice((0, 0, 5)),
            "delay": self._rng.choice((None, None, 3, 40)),
        }
        key = self._rng.choice((None, None, None, "a", "b"))
        count = 1 if kind == "poison" else self._rng.randint(1, 4)

        def enqueue() -> list[int]:
            if key is None:
                return self._queue.enqueue_many(kind, [{}] * count, **options)
            job = self._queue.enqueue(kind, {}, unique_key=key, **options)
            return [] if job.existing else [job.id]

        ids = self._world.act(Process("producer"), "an enqueue", enqueue) or []
        self._witness.queued(ids, kind)
        self._world.say(f"producer queues {kind} {ids}")

    def _operate(self) -> None:
        if not self._witness.jobs:
            return
        verb = self._rng.choice(("cancel", "resubmit", "mark_failed", "delete", "assign"))
        chosen = [self._rng.choice(sorted(self._witness.jobs))]
        operator = self._queue.operator("ada")
        extra = [self._crew.anyone().name] if verb == "assign" else []
        done = self._world.act(Process("operator"), verb, lambda: getattr(operator, verb)(chosen, *extra))
        if done is None:
            self._witness.found_operated(chosen)
        else:
            self._witness.operated(verb, done.changed)
            self._world.say(f"operator: {verb} {chosen}: {done.refused or 'done'}")

    def _pause_or_resume(self) -> None:
        name, operator = self._rng.choice(QUEUES), self._queue.operator("ada")
        until = self._rng.choice((None, self._database.now() + 20 * SECOND))
        if self._rng.random() < 0.6:
            self._world.act(Process("operator"), "a pause", lambda: operator.pause(name, until=until))
        else:
            self._world.act(Process("operator"), "a resume", lambda: operator.resume(name))
        self._witness.found_paused(name)
        self._world.say(f"operator: paused are {list(self._witness.paused)}")

    def _set_clock(self) -> None:
        step = self._rng.choice((-3600, 3600))
        self._world.machine.ahead += step * SECOND
        self._world.say(f"the clock is set by {step} s")

    def _suspend(self) -> None:
        """Let the machine sleep: the wall clock runs on, and its lease clock stands still."""
        seconds = self._rng.choice((20, 60, 3600))
        self._world.machine.slept += seconds * SECOND
        self._world.lived += seconds * SECOND
        self._world.say(f"the machine wakes from a sleep of {seconds} s")

    def _prune(self) -> None:
        state = self._rng.choice([state for state in JobState if state.final])
        before = self._database.now() - self._rng.choice((0, 60)) * SECOND
        expired = self._witness.expired(state, before)
        done = self._world.act(Process("pruner"), "a prune", lambda: self._queue.upkeep().prune(state, before))
        self._witness.pruned(expired)
        self._world.say(f"pruned {done} of the {state}")

    # Calm

    def _calm_down(self) -> bool:
        """Stop all faults; return whether every job ends."""
        self._world.calm = True
        self._world.say("calm")
        for name in QUEUES:
            self._queue.operator("ada").resume(name)
            self._witness.found_paused(name)
        for worker in self._crew.workers:
            worker.frozen = False
        if self._seed % FORKS_EVERY == 0:
            self._fork()
        if self._seed % SCENES_EVERY == CRIPPLED_AT:
            self._cripple()
        drained = self._drain()
        if drained and self._seed % SCENES_EVERY == CROWDED_AT:
            self._crowd()
            drained = self._drain()
        return drained

    def _drain(self) -> bool:
        """Run until every job has ended, or no claim is made for ``STILL_ROUNDS`` rounds."""
        still, seen = 0, -1
        for _ in range(CALM_ROUNDS):
            if self._calm_round():
                return True
            moved = self._witness.claims()
            still, seen = (still + 1, seen) if moved == seen else (0, moved)
            if still == STILL_ROUNDS:
                break
        return False

    def _fork(self) -> None:
        """Fork a real process, because a fork breaks state outside of simulated memory."""
        told = queue_in_child(self._queue, "good")
        self._world.say(f"a producer's child queues good {told}")
        self._witness.queued(told, "good")
        if len(told) != 2:
            self._witness.blame(FORKS, 0, f"a child was told {len(told)} ids for two jobs")

    def _cripple(self) -> None:
        """Let one worker lose the ability to rescue; another dies with its jobs."""
        self._rota = Rota(self._world, self._crew)
        self._all_up()
        self._witness.queued([self._queue.enqueue("good", {}).id], "good")
        self._crew.claim(self._crew.workers[-1])
        self._crew.kill_one(self._crew.workers[-1])

    def _crowd(self) -> None:
        """Check that free jobs behind many blocked ones are claimed.

        The free jobs have no key, or another key; the blocked jobs' key is at its limit.
        """
        self._all_up()
        self._queue.operator("ada").set_queue("crowd", key_concurrency=1)
        worker, queue = self._crew.workers[0], partial(self._queue.enqueue_many, "good", queue="crowd")
        blocked = queue([{}] * CROWD, limit_key="blocked")
        self._witness.queued(blocked, "good")
        self._crew.claim(worker)
        free = [*queue([{}]), *queue([{}], limit_key="free")]
        self._witness.queued(free, "good")
        starving = set(free) - {claim.job_id for claim in self._crew.claim(worker)}
        if starving:
            self._witness.blame(FREE, min(starving), f"it waits behind {CROWD} jobs whose key leaves no room")

    def _calm_round(self) -> bool:
        """Wait longer than a lease and until the next job is due, then let each worker work twice."""
        due = self._queue.upkeep().next_due()
        until_due = 0.0 if due is None else (due - self._database.now()) / SECOND
        if self._rota is None:
            self._maintain(until_due)
        else:
            self._maintain_by_turns(self._rota, until_due)
        self._crew.finish_files(self._crew.workers[0])
        for worker in self._crew.workers * 2:
            if worker.leases is not None:
                self._crew.turn(worker)
        return self._witness.all_ended()

    def _maintain(self, until_due: float) -> None:
        self._world.pass_time(max(STALE_AFTER + 1, until_due))
        self._all_up()
        worker = self._crew.workers[0]
        self._world.act(worker, "staging", self._queue.upkeep().stage)
        self._crew.rescue(worker, STALE_AFTER)

    def _maintain_by_turns(self, rota: Rota, until_due: float) -> None:
        """Run maintenance as workers do, in steps that are shorter than the maintenance lease."""
        self._world.pass_time(max(0.0, until_due))
        for _ in range(STEPS):
            self._world.pass_time(STEP)
            self._all_up()
            rota.tick()
            self._witness.rescued(self._crew.look_around())

    def _all_up(self) -> None:
        for worker in self._crew.workers:
            if worker.leases is None:
                self._crew.start(worker)
            self._crew.beat(worker)
