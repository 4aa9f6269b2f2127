"""The simulated workers: they claim, run, finish and do maintenance by the real verbs.

They also send heartbeats, and faults hit them.
"""

from collections.abc import Sequence
from typing import Any

from pqkit.domain.durations import SECOND
from pqkit.domain.outcomes import ChildDied, Claim, Outcome, Stopped
from pqkit.lab.simulation.handlers import TASKS, Handlers
from pqkit.lab.simulation.machine import World
from pqkit.lab.simulation.oracle import STALE_AFTER, Life, Witness
from pqkit.lab.simulation.worker_processes import SLOTS, Running, Worker
from pqkit.queue import Finished
from pqkit.worker.executor import Run

OTHERS_ACT, OTHERS_ACT_IN_A_RESCUE = 0.05, 0.4


class Crew:
    """All workers of one seed."""

    def __init__(self, world: World, witness: Witness) -> None:
        self._world, self._witness, self._rng = world, witness, world.rng
        self._lives: dict[int, Worker] = {}
        self._boots: dict[int, int] = {}
        self._cut_off: dict[int, float] = {}
        self._rescuing = False
        self._handlers = Handlers(world, witness, self.kill)
        spaces = self._rng.choice([["here"], ["here", "there"]])
        self.workers = [Worker(f"w{n}", space=self._rng.choice(spaces)) for n in range(self._rng.randint(2, 4))]
        world.others_act = self._somebody_else_acts

    def anyone(self) -> Worker:
        return self._rng.choice(self.workers)

    def work(self, worker: Worker) -> None:
        """Run the next step of this worker."""
        if worker.leases is None:
            self.start(worker)
        elif not worker.frozen:
            self.turn(worker)
        elif self._rng.random() < 0.3:
            self.thaw(worker)

    def start(self, worker: Worker) -> None:
        """Start a new process, whose pid may be that of a dead one."""
        machine = self._world.machine
        free = [pid for pid in range(100, 108) if pid not in machine.living]
        machine.born(worker, self._rng.choice(free))
        self._begin_life(worker)

    def some_beat(self, share: float) -> None:
        for worker in self.workers:
            if worker.up and self._rng.random() < share:
                self.beat(worker)

    def beat(self, worker: Worker) -> None:
        if worker.leases is None:
            return
        answer = self._world.act(worker, "a beat", worker.leases.beat)
        if answer is None:
            return
        if answer.registered:
            worker.beat, worker.canceled = self._world.machine.elapsed, answer.cancel
        else:
            self._world.say(f"{worker.name} learns that it has been given up, and begins anew")
            self._begin_life(worker)

    def turn(self, worker: Worker) -> None:
        """Run handlers to their end, then finish jobs and claim again.

        It does neither if there is nothing to finish or to claim.
        """
        self._handlers.put_files_in_place(worker)
        now = self._world.machine.elapsed
        done = [r for r in worker.running if self._world.calm or r.until <= now]
        for running in done:
            worker.running.remove(running)
            self._handlers.run(worker, running.claim)
            if worker.leases is None:
                return
        demand = SLOTS - len(worker.running)
        if worker.leases and (done or worker.ended or (demand and worker.leases.waiting())):
            finished, worker.ended = worker.ended, []
            self._exchange(worker, finished, demand)

    def claim(self, worker: Worker) -> list[Claim]:
        """Claim jobs without any finish; return the claims that run afterwards."""
        self._exchange(worker, [], SLOTS - len(worker.running))
        return [running.claim for running in worker.running]

    # Faults

    def kill(self, worker: Worker) -> None:
        worker.die()
        self._world.machine.living.pop(worker.pid, None)

    def kill_one(self, worker: Worker) -> None:
        if worker.leases is not None:
            self._world.say(f"{worker.name} is killed")
            self.kill(worker)

    def freeze(self, worker: Worker) -> None:
        """Freeze a worker, often for longer than its lease.

        Another worker often finds it, and may take its jobs before it thaws.
        """
        if worker.leases is None:
            return
        worker.frozen = True
        self._world.say(f"{worker.name} freezes")
        self._world.pass_time(self._rng.choice((1, 20, 20, 40)))
        self.some_beat(0.8)
        self._world.pass_time(20)
        other = self.anyone()
        if other.up and self._rng.random() < 0.7:
            self.rescue(other, STALE_AFTER)
            self.work(other)
        if self._rng.random() < 0.5:
            self.thaw(worker)

    def thaw(self, worker: Worker) -> None:
        """Let a frozen worker go on, without knowledge of events during the freeze."""
        worker.frozen = False
        self._world.say(f"{worker.name} thaws")
        self._rng.choice((self.turn, self.beat))(worker)

    def stop(self, worker: Worker) -> None:
        """Stop gracefully: announce the stop, release the running jobs, leave the registry.

        Some stops are cut short.
        """
        leases = worker.up
        if leases is None:
            return
        self._world.act(worker, "the announcement of its stop", lambda: leases.beat(stopping=True))
        if worker.up is None or self._rng.random() < 0.5:
            self._world.say(f"{worker.name} is killed while it stops")
            self.kill(worker)
            return
        now = self._world.database.now()
        left = [Finished(r.claim, self._interrupted(r.claim), None, now) for r in worker.running]
        self._witness.stopped(left)
        worker.running = []
        self._exchange(worker, [*worker.ended, *left], 0)
        if worker.leases is None:
            return
        self._world.act(worker, "its end", lambda: leases.end("stopped"))
        self._world.say(f"{worker.name} stops")
        self.kill(worker)

    def _interrupted(self, claim: Claim) -> Outcome:
        """The outcome of a handler that was told of the stop."""
        run = Run(claim, self._world.database.now())
        run.stop_asked = True
        return run.outcome_of(self._rng.choice((Stopped(), ValueError("interrupted"), ChildDied("signal 15"))))

    def lose_all(self) -> None:
        """Reboot the machine."""
        self._world.say("the machine is started anew")
        for worker in self.workers:
            if worker.leases is not None:
                self._cut_off[worker.leases.id] = self._silence(worker)
            self.kill(worker)
        self._world.machine.reboot()

    # Maintenance

    def maintain(self, worker: Worker) -> None:
        leases, upkeep = worker.up, self._world.queue.upkeep()
        if leases is None:
            return
        match self._rng.choice(("stage", "rescue", "rescue", "duty", "files")):
            case "stage":
                self._world.act(worker, "staging", upkeep.stage)
            case "rescue":
                self.rescue(worker, self._rng.choice((None, STALE_AFTER)))
            case "duty":
                self._world.act(worker, "taking the duty", lambda: upkeep.take_duty(leases.id))
            case "files":
                self.finish_files(worker)

    def finish_files(self, worker: Worker) -> None:
        done = self._world.act(worker, "finishing files", self._world.queue.upkeep().finish_files)
        self._world.say(f"{worker.name} puts {done.files if done else '?'} files in place for others")

    def rescue(self, worker: Worker, stale_after: float | None) -> None:
        self._rescuing = True
        found = self._world.act(worker, "a rescue", lambda: self._world.queue.upkeep().rescue(stale_after))
        self._rescuing = False
        self._witness.rescued(self.look_around())
        for name, reason, requeued, quarantined, *_ in found or []:
            self._world.say(f"{worker.name} rescues from {name} ({reason}): {requeued}, set aside {quarantined}")

    def _somebody_else_acts(self) -> None:
        """Let another worker act before a transaction, above all between a rescue's check and write."""
        if self._rng.random() >= (OTHERS_ACT_IN_A_RESCUE if self._rescuing else OTHERS_ACT):
            return
        self._witness.rescued(self.look_around())
        worker = self.anyone()
        if worker.leases and worker is not self._world.machine.actor:
            worker.frozen = False
            self._rng.choice((self.beat, self.beat, self.turn))(worker)

    def look_around(self) -> dict[int, Life]:
        return {worker_id: self._life(worker_id, worker) for worker_id, worker in self._lives.items()}

    def _life(self, worker_id: int, worker: Worker) -> Life:
        alive = worker.leases is not None and worker.leases.id == worker_id
        return Life(alive, self._silence(worker), self._is_excused(worker_id))

    def _is_excused(self, worker_id: int) -> bool | None:
        """True if a worker's end is no evidence against its jobs; None if that is unknown.

        An announced stop excuses. A reboot excuses too, unless the worker had been silent for so long before it that
        its end may have come earlier.
        """
        told = self._world.database.ask("SELECT 1 FROM worker WHERE id = ? AND stopping_at IS NOT NULL", worker_id)
        if told or self._cut_off.get(worker_id, STALE_AFTER) <= STALE_AFTER / 2:
            return True
        return None if self._boots[worker_id] != self._world.machine.boot else False

    def _silence(self, worker: Worker) -> float:
        """The seconds since the last heartbeat, on the machine's clock, which stops in sleep."""
        return (self._world.machine.elapsed - worker.beat) / SECOND

    # Inside a worker

    def _begin_life(self, worker: Worker) -> None:
        """Begin a new identity in the same process; it forgets the state of the old one."""
        leases = self._world.queue.leases(worker.name, SLOTS, TASKS)
        leases.id = self._rng.getrandbits(63)
        worker.die()
        worker.leases, worker.frozen, worker.beat = leases, False, self._world.machine.elapsed
        worker.canceled = frozenset()
        self._lives[leases.id], self._boots[leases.id] = worker, self._world.machine.boot
        self._world.say(f"{worker.name} starts as pid {worker.pid}")
        self._world.act(worker, "its registration", leases.register)

    def _exchange(self, worker: Worker, finished: list[Finished], demand: int) -> None:
        leases, alone = worker.leases, not worker.running
        assert leases is not None
        try:
            turn = self._world.act(worker, "an exchange", lambda: leases.exchange(finished, demand, alone=alone))
        except Exception as error:
            self._witness.failed(finished, error)
            raise
        if turn is None:
            self._witness.found_ended(finished)
            self._witness.found_claimed(leases.id)
            return
        refused = {f.claim for f in turn.refused}
        for one in finished:
            self._witness.ended(one, accepted=one.claim not in refused)
            if one.claim not in refused:
                worker.renames += [(one.claim.job_id, *pair) for pair in one.outcome.files]
        self._witness.claimed(turn.claims, [running.claim for running in worker.running])
        self._world.say(
            f"{worker.name}: ended {_endings(finished)} refused {_ids(refused)} claimed {_ids(turn.claims)}"
        )
        for claim in turn.claims:
            lasts = self._rng.choice((0, 1, 4, 20, 50)) * SECOND
            worker.running.append(Running(claim, self._world.machine.elapsed + lasts))


def _ids(claims: Any) -> list[int]:
    return sorted(claim.job_id for claim in claims)


def _endings(finished: Sequence[Finished]) -> list[str]:
    return [f"{f.claim.job_id} {f.outcome.kind}" for f in finished]
