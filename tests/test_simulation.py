"""The simulation is clean on the queue as it is, repeats by its seed, and finds every mutant by the right rule."""

import pytest

from pqkit.lab.simulation.mutants import MUTANTS, Mutant, hunt
from pqkit.lab.simulation.simulator import play_all, simulator
from tests.postgres import Server


def test_seeds_are_clean_on_the_queue_as_it_is(kind: str, url: str) -> None:
    with simulator(url) as play:
        broken = {seed: found for seed in range(60 if kind == "sqlite" else 20) if (found := play(seed).broken)}
    assert broken == {}


def test_a_seed_alone_determines_what_happens() -> None:
    with simulator() as play:
        alone = play(7)
    with simulator() as play:
        play(3)
        assert play(7) == alone
    assert list(play_all(range(7, 8))) == [alone]


def test_a_seed_on_a_server_is_one_history_too_in_which_its_clock_decides(server: Server) -> None:
    with server.database() as url, simulator(url) as play:
        alone = play(7)
        play(3)
        assert play(7) == alone
        words = "\n".join(what for seed in range(15) for _, what in play(seed).events)
    for what in ("no heartbeat", "process is gone", "is set by", "given up", "wakes from a sleep"):
        assert what in words


def test_the_histories_have_what_they_are_about() -> None:
    with simulator() as play:
        words = "\n".join(what for seed in range(40) for _, what in play(seed).events)
    for what in ("no heartbeat", "process is gone", "started anew", "is set by", "is killed in a rescue", "given up"):
        assert what in words
    for what in ("wakes from a sleep", "puts 1 files in place", "pruned 1 of", "w0: gave maintenance up"):
        assert what in words
    assert any("refused [" in line and "refused []" not in line for line in words.splitlines())


@pytest.mark.prove
@pytest.mark.parametrize(
    "mutant", [one for one in MUTANTS if one.is_wrong(by_server_clock=False)], ids=lambda mutant: mutant.name
)
def test_a_mutant_is_found_by_a_rule_that_names_it(mutant: Mutant) -> None:
    caught = hunt(mutant)
    assert caught.seed is not None, caught


@pytest.mark.prove
def test_mutants_are_found_on_a_server_too(server: Server) -> None:
    """Some of each kind; ``pqkit lab mutants`` hunts them all."""
    wanted = (
        *("fence removed", "claim split in two transactions", "effects outside the transaction"),
        *("sleep taken for silence", "the crippled cling to maintenance", "failures of duties swallowed"),
    )
    with server.database() as url:
        caught = [hunt(mutant, beside=url) for mutant in MUTANTS if mutant.name in wanted]
    assert len(caught) == len(wanted)
    assert all(one.seed is not None for one in caught), caught
