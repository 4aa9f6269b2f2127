"""``pqkit lab limits|rates|batches``: flow control while workers are killed."""

from typing import Annotated

import typer

from pqkit.cli.inputs import AsJson
from pqkit.cli.lab import Seed, run_experiment


def rates(
    *,
    rate: Annotated[int, typer.Option(min=1, help="Jobs a second that may start.")] = 20,
    seconds: Annotated[float, typer.Option(min=1, help="How long, for each of two bursts.")] = 60.0,
    workers: Annotated[int, typer.Option(min=1, help="Workers at once.")] = 4,
    json: AsJson = False,
) -> None:
    """Let several workers keep the rate of a queue: as many jobs start as it says, within 2 %, and never more."""
    from pqkit.lab.rates import rates as experiment  # noqa: PLC0415 - a command loads its own needs

    run_experiment(
        lambda place, progress: experiment(place, rate, seconds, workers, progress=progress), as_json=json
    )
