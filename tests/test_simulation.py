"""The simulation is clean on the queue as it is, repeats by its seed, and finds every mutant by the right rule."""

import pytest

from pqkit.lab.mutants import MUTANTS, Mutant, hunt
from pqkit.lab.simulation import play_all, simulator


def test_seeds_are_clean_on_the_queue_as_it_is() -> None:
    with simulator() as play:
        broken = {seed: found for seed in range(60) if (found := play(seed).broken)}
    assert broken == {}


def test_a_seed_alone_determines_what_happens() -> None:
    with simulator() as play:
        alone = play(7)
    with simulator() as play:
        play(3)
        assert play(7) == alone
    assert list(play_all(range(7, 8))) == [alone]


def test_the_histories_have_what_they_are_about() -> None:
    with simulator() as play:
        words = "\n".join(what for seed in range(40) for _, what in play(seed).events)
    for what in ("no heartbeat", "process is gone", "started anew", "is set by", "is killed in a rescue", "given up"):
        assert what in words
    for what in ("wakes from a sleep", "puts 1 files in place", "pruned 1 of"):
        assert what in words
    assert any("refused [" in line and "refused []" not in line for line in words.splitlines())


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_found_by_a_rule_that_names_it(mutant: Mutant) -> None:
    caught = hunt(mutant)
    assert caught.seed is not None, caught
