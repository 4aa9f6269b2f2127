"""``pqkit lab limits|rates|batches``: flow control while workers are killed."""

from typing import Annotated

import typer

from pqkit.cli.inputs import AsJson
from pqkit.cli.lab.worker_experiments import Seed, run_experiment


def limits(
    *,
    jobs: Annotated[int, typer.Option(min=10, help="Jobs with limited keys; half as many have a limited queue.")] = 300,
    workers: Annotated[int, typer.Option(min=1, help="Workers at once.")] = 10,
    kills: Annotated[int, typer.Option(min=0, help="Workers to kill during a job.")] = 12,
    seed: Seed = 1,
    json: AsJson = False,
) -> None:
    """Kill workers that hold limited jobs: limits are never exceeded, and ended leases free
    them again.
    """
    from pqkit.lab.experiments.concurrency_limits import limits as experiment  # noqa: PLC0415 - a command loads its own needs

    run_experiment(
        lambda place, progress: experiment(place, jobs, workers, kills, seed=seed, progress=progress), as_json=json
    )


def batches(
    *,
    number: Annotated[int, typer.Option(min=6, help="Number of batches of each mode.")] = 60,
    members: Annotated[int, typer.Option(min=2, help="Members of each.")] = 10,
    workers: Annotated[int, typer.Option(min=1, help="Workers at once.")] = 6,
    kills: Annotated[int, typer.Option(min=0, help="Workers to kill during a job.")] = 20,
    seed: Seed = 1,
    json: AsJson = False,
) -> None:
    """Kill workers during batches: each batch runs one completion job, after all its members."""
    from pqkit.lab.experiments.batch_completion import batches as experiment  # noqa: PLC0415

    run_experiment(
        lambda place, progress: experiment(place, number, members, workers, kills, seed=seed, progress=progress),
        as_json=json,
    )


def rates(
    *,
    rate: Annotated[int, typer.Option(min=1, help="Jobs a second that may start.")] = 20,
    seconds: Annotated[float, typer.Option(min=1, help="How long, for each of two bursts.")] = 60.0,
    workers: Annotated[int, typer.Option(min=1, help="Workers at once.")] = 4,
    json: AsJson = False,
) -> None:
    """Let several workers share a rate limit: jobs start at that rate within 2 %, never faster."""
    from pqkit.lab.experiments.rate_limits import rates as experiment  # noqa: PLC0415

    run_experiment(lambda place, progress: experiment(place, rate, seconds, workers, progress=progress), as_json=json)
