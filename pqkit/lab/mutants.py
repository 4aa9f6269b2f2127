"""Queues that are wrong, each in one way: a checker that does not find them proves nothing.

A mutant is put in place for as long as its ``with`` lasts; the simulation must then break the promise named beside it.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal, NamedTuple

from pqkit.lab import wrong_turns, wrong_upkeep
from pqkit.lab.result import Progress, Result, silent
from pqkit.lab.simulated import by_server_clock
from pqkit.lab.simulation import simulator
from pqkit.lab.verdict import Finding
from pqkit.lab.witness import DRAINED, EFFECTS, EVIDENCE, FILES, FORKS, FREE, LIVING_KEEP, NEIGHBOURS, POISON

SEEDS = 400


class Mutant(NamedTuple):
    """One thing made wrong, and the rules that must name it. ``clock`` says by whose clock it is wrong: a server's goes
    on while the workers' machine sleeps, and that machine's own tells beside it how long a worker was silent."""

    name: str
    rules: frozenset[str]
    in_place: Callable[[], AbstractContextManager[object]]
    clock: Literal["any", "machine", "server"] = "any"

    def is_wrong(self, *, by_server_clock: bool) -> bool:
        return self.clock == "any" or (self.clock == "server") is by_server_clock


class Caught(NamedTuple):
    """The first seed in which a mutant broke a rule that names it; ``seed`` is None for one that survived."""

    mutant: Mutant
    seed: int | None
    rules: list[str]
    words: str


def hunt(mutant: Mutant, most: int = SEEDS, beside: str | None = None) -> Caught:
    """Play seeds until a rule that names the mutant is broken, at most so many."""
    others: set[str] = set()
    with mutant.in_place(), simulator(beside) as play:
        for seed in range(most):
            broken = play(seed).broken
            named = [found for found in broken if found.rule in mutant.rules]
            if named:
                return Caught(mutant, seed, sorted({found.rule for found in named}), named[0].words)
            others |= {found.rule for found in broken}
    return Caught(mutant, None, sorted(others), "no rule named it")


MUTANTS = [
    Mutant("fence removed", frozenset({"fence held"}), wrong_turns.fence_removed),
    Mutant("fence and history's key removed", frozenset({"fence held"}), wrong_turns.fence_and_history_removed),
    Mutant("rescue guarded by id only", frozenset({LIVING_KEEP}), wrong_upkeep.rescue_by_id),
    Mutant("attempts counted at failure", frozenset({"history whole"}), wrong_upkeep.counted_at_failure),
    Mutant("effects outside the transaction", frozenset({EFFECTS}), wrong_turns.effects_outside),
    Mutant("finish split in two transactions", frozenset({"none lost"}), wrong_turns.finish_split),
    Mutant("claim split in two transactions", frozenset({"none lost"}), wrong_turns.claim_split),
    Mutant("enqueue acknowledged, not committed", frozenset({"none lost"}), wrong_turns.acknowledged_early),
    Mutant("pause ignored", frozenset({"pause kept"}), wrong_turns.pause_ignored),
    Mutant("rescue charges everybody", frozenset({NEIGHBOURS}), wrong_upkeep.everybody_charged),
    Mutant("announcements of a stop ignored", frozenset({EVIDENCE}), wrong_upkeep.announcements_ignored),
    Mutant("failures at a stop charged", frozenset({EVIDENCE}), wrong_turns.stops_charged),
    Mutant("errors read unguarded", frozenset({DRAINED, "no error"}), wrong_turns.errors_unguarded),
    Mutant("burial split in two transactions", frozenset({"fence held", POISON}), wrong_upkeep.burial_split),
    Mutant("suspects run beside others", frozenset({NEIGHBOURS}), wrong_turns.suspects_beside_others),
    Mutant("crashes unbounded", frozenset({POISON, DRAINED}), wrong_upkeep.crashes_unbounded),
    Mutant("attempts begin anew at resubmit", frozenset({"history whole"}), wrong_turns.attempts_begin_anew),
    Mutant("leases judged by the wall clock", frozenset({LIVING_KEEP}), wrong_upkeep.leases_by_wall_clock, "machine"),
    Mutant(
        "leases judged by a sleepless clock",
        frozenset({LIVING_KEEP}),
        wrong_upkeep.leases_by_sleepless_clock,
        "machine",
    ),
    Mutant("sleep taken for silence", frozenset({LIVING_KEEP, EVIDENCE}), wrong_upkeep.sleep_is_silence, "server"),
    Mutant("files of the dead forgotten", frozenset({FILES}), wrong_upkeep.files_forgotten),
    Mutant("files not awaited", frozenset({FILES}), wrong_upkeep.files_not_awaited),
    Mutant("prune of any state", frozenset({"none lost"}), wrong_upkeep.prune_of_all),
    Mutant("resubmits unrecorded", frozenset({"ended on record"}), wrong_upkeep.resubmit_unrecorded),
    Mutant(
        "order by the wall clock",
        frozenset({"one lease at a time", "fence held"}),
        wrong_upkeep.ends_by_the_wall_clock,
        "machine",
    ),
    Mutant("nobody rescues", frozenset({DRAINED}), wrong_upkeep.nobody_rescues),
    Mutant("the crippled cling to maintenance", frozenset({DRAINED}), wrong_upkeep.the_crippled_cling),
    Mutant("failures of duties swallowed", frozenset({DRAINED}), wrong_upkeep.failures_swallowed),
    Mutant("free jobs starve behind blocked keys", frozenset({FREE}), wrong_turns.free_jobs_starve),
    Mutant("forks ignored", frozenset({FORKS, "none lost"}), wrong_turns.forks_ignored, "machine"),
]


def mutants(*, beside: str | None = None, progress: Progress = silent) -> Result:
    """Hunt them all, on a scratch file or on the PostgreSQL server that ``beside`` names; the table says which seed
    caught each and by which rule."""
    caught: list[Caught] = []
    hunted = [mutant for mutant in MUTANTS if mutant.is_wrong(by_server_clock=by_server_clock(beside))]
    for number, mutant in enumerate(hunted):
        progress(number / len(hunted), mutant.name)
        caught.append(hunt(mutant, beside=beside))
    findings = [Finding("mutant", None, f"{c.mutant.name} survived: {c.words}") for c in caught if c.seed is None]
    table = [f"{c.mutant.name:<40} {', '.join(c.rules) or '-':<32} seed {c.seed}" for c in caught]
    figure = f"mutants: {len(caught) - len(findings)} of {len(caught)} caught"
    return Result(figure, {"mutants": {c.mutant.name: c.rules for c in caught}}, findings, table)
