"""Queues that are wrong, each in one way: a checker that does not find them proves nothing.

A mutant is in place while its ``with`` block runs; the simulation must then break the promise named beside it.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal, NamedTuple

from pqkit.lab.harness.result import Progress, Result, silent
from pqkit.lab.harness.verdict import Finding
from pqkit.lab.simulation import claim_mutants, maintenance_mutants
from pqkit.lab.simulation.databases import by_server_clock
from pqkit.lab.simulation.oracle import DRAINED, EFFECTS, EVIDENCE, FILES, FORKS, FREE, LIVING_KEEP, NEIGHBOURS, POISON
from pqkit.lab.simulation.simulator import simulator

SEEDS = 400


class Mutant(NamedTuple):
    """One change that makes the queue wrong, and the rules that must find it.

    ``clock`` names the clock under which the mutant is wrong. A server's clock runs on while the workers' machine
    sleeps; the machine's own clock then shows how long a worker was silent.
    """

    name: str
    rules: frozenset[str]
    in_place: Callable[[], AbstractContextManager[object]]
    clock: Literal["any", "machine", "server"] = "any"

    def is_wrong(self, *, by_server_clock: bool) -> bool:
        return self.clock == "any" or (self.clock == "server") is by_server_clock


class Caught(NamedTuple):
    """The first seed in which a mutant broke a rule that names it.

    ``seed`` is None for a mutant that survived.
    """

    mutant: Mutant
    seed: int | None
    rules: list[str]
    words: str


def hunt(mutant: Mutant, most: int = SEEDS, beside: str | None = None) -> Caught:
    """Play at most ``most`` seeds until a rule that names the mutant is broken."""
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
    Mutant("fence removed", frozenset({"fence held"}), claim_mutants.fence_removed),
    Mutant("fence and history's key removed", frozenset({"fence held"}), claim_mutants.fence_and_history_removed),
    Mutant("rescue guarded by id only", frozenset({LIVING_KEEP}), maintenance_mutants.rescue_by_id),
    Mutant("attempts counted at failure", frozenset({"history whole"}), maintenance_mutants.counted_at_failure),
    Mutant("effects outside the transaction", frozenset({EFFECTS}), claim_mutants.effects_outside),
    Mutant("finish split in two transactions", frozenset({"none lost"}), claim_mutants.finish_split),
    Mutant("claim split in two transactions", frozenset({"none lost"}), claim_mutants.claim_split),
    Mutant("enqueue acknowledged, not committed", frozenset({"none lost"}), claim_mutants.acknowledged_early),
    Mutant("pause ignored", frozenset({"pause kept"}), claim_mutants.pause_ignored),
    Mutant("rescue charges everybody", frozenset({NEIGHBOURS}), maintenance_mutants.everybody_charged),
    Mutant("announcements of a stop ignored", frozenset({EVIDENCE}), maintenance_mutants.announcements_ignored),
    Mutant("failures at a stop charged", frozenset({EVIDENCE}), claim_mutants.stops_charged),
    Mutant("errors read unguarded", frozenset({DRAINED, "no error"}), claim_mutants.errors_unguarded),
    Mutant("burial split in two transactions", frozenset({"fence held", POISON}), maintenance_mutants.burial_split),
    Mutant("suspects run beside others", frozenset({NEIGHBOURS}), claim_mutants.suspects_beside_others),
    Mutant("crashes unbounded", frozenset({POISON, DRAINED}), maintenance_mutants.crashes_unbounded),
    Mutant("attempts begin anew at resubmit", frozenset({"history whole"}), claim_mutants.attempts_begin_anew),
    Mutant(
        "leases judged by the wall clock", frozenset({LIVING_KEEP}), maintenance_mutants.leases_by_wall_clock, "machine"
    ),
    Mutant(
        "leases judged by a sleepless clock",
        frozenset({LIVING_KEEP}),
        maintenance_mutants.leases_by_sleepless_clock,
        "machine",
    ),
    Mutant(
        "sleep taken for silence", frozenset({LIVING_KEEP, EVIDENCE}), maintenance_mutants.sleep_is_silence, "server"
    ),
    Mutant("files of the dead forgotten", frozenset({FILES}), maintenance_mutants.files_forgotten),
    Mutant("files not awaited", frozenset({FILES}), maintenance_mutants.files_not_awaited),
    Mutant("prune of any state", frozenset({"none lost"}), maintenance_mutants.prune_of_all),
    Mutant("resubmits unrecorded", frozenset({"ended on record"}), maintenance_mutants.resubmit_unrecorded),
    Mutant(
        "order by the wall clock",
        frozenset({"one lease at a time", "fence held"}),
        maintenance_mutants.ends_by_the_wall_clock,
        "machine",
    ),
    Mutant("nobody rescues", frozenset({DRAINED}), maintenance_mutants.nobody_rescues),
    Mutant("the crippled cling to maintenance", frozenset({DRAINED}), maintenance_mutants.the_crippled_cling),
    Mutant("failures of duties swallowed", frozenset({DRAINED}), maintenance_mutants.failures_swallowed),
    Mutant("free jobs starve behind blocked keys", frozenset({FREE}), claim_mutants.free_jobs_starve),
    Mutant("forks ignored", frozenset({FORKS, "none lost"}), claim_mutants.forks_ignored, "machine"),
]


def mutants(*, beside: str | None = None, progress: Progress = silent) -> Result:
    """Hunt all mutants, on a scratch file or on the PostgreSQL server ``beside``.

    The table has the seed and the rule that caught each mutant.
    """
    caught: list[Caught] = []
    hunted = [mutant for mutant in MUTANTS if mutant.is_wrong(by_server_clock=by_server_clock(beside))]
    for number, mutant in enumerate(hunted):
        progress(number / len(hunted), mutant.name)
        caught.append(hunt(mutant, beside=beside))
    findings = [Finding("mutant", None, f"{c.mutant.name} survived: {c.words}") for c in caught if c.seed is None]
    table = [f"{c.mutant.name:<40} {', '.join(c.rules) or '-':<32} seed {c.seed}" for c in caught]
    figure = f"mutants: {len(caught) - len(findings)} of {len(caught)} caught"
    return Result(figure, {"mutants": {c.mutant.name: c.rules for c in caught}}, findings, table)
