"""``pqkit lab cuts|restart|failover|partition``: failures between workers and PostgreSQL."""

from typing import Annotated

import typer

from pqkit.cli.inputs import AsJson
from pqkit.cli.lab.worker_experiments import Seed, run_experiment


def cuts(
    *,
    commits: Annotated[int, typer.Option(min=1, help="Commits to cut.")] = 300,
    seed: Seed = 1,
    json: AsJson = False,
) -> None:
    """Cut connections before and after COMMIT, so that its outcome is unknown: each effect
    happens once.
    """
    from pqkit.lab.experiments.lost_commits import cuts as experiment  # noqa: PLC0415 - a command loads its own needs

    run_experiment(lambda place, progress: experiment(place, commits, seed=seed, progress=progress), as_json=json)


def restart(
    *,
    times: Annotated[int, typer.Option(min=1, help="How often to end the server.")] = 10,
    jobs: Annotated[int, typer.Option(min=1, help="Minimum number of jobs to queue.")] = 2_000,
    json: AsJson = False,
) -> None:
    """Kill and restart a scratch PostgreSQL server under load: no acknowledged job is lost."""
    from pqkit.lab.experiments.server_outage import restart as experiment  # noqa: PLC0415

    run_experiment(lambda place, progress: experiment(place, times, jobs, progress=progress), as_json=json)


def failover(
    *,
    jobs: Annotated[int, typer.Option(min=1, help="Minimum number of jobs to queue.")] = 1_000,
    asynchronous: Annotated[
        bool, typer.Option("--asynchronous", help="Let no commit wait for the standby: shows what is lost then.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Kill a scratch PostgreSQL server and promote its standby: no acknowledged job is lost."""
    from pqkit.lab.experiments.server_outage import failover as experiment  # noqa: PLC0415

    run_experiment(
        lambda place, progress: experiment(place, jobs, synchronous=not asynchronous, progress=progress), as_json=json
    )


def partition(
    *,
    lease: Annotated[float, typer.Option(min=6, help="Seconds without a heartbeat after which a worker is dead.")] = 10,
    json: AsJson = False,
) -> None:
    """Cut one worker off for twice its lease: it stops its handlers before their jobs run
    elsewhere.
    """
    from pqkit.lab.experiments.partition import partition as experiment  # noqa: PLC0415

    run_experiment(lambda place, progress: experiment(place, lease, progress=progress), as_json=json)


def horizon(
    *,
    seconds: Annotated[float, typer.Option(min=10, help="How long the foreign transaction stays open.")] = 600,
    rate: Annotated[float, typer.Option(min=1, help="Jobs per second.")] = 100,
    json: AsJson = False,
) -> None:
    """Keep another program's transaction open beside a busy queue: dead rows stay few, and
    claims stay fast.
    """
    from pqkit.lab.experiments.long_transaction import horizon as experiment  # noqa: PLC0415

    run_experiment(lambda place, progress: experiment(place, seconds, rate, progress=progress), as_json=json)
