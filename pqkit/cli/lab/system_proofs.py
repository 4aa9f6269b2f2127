"""``pqkit lab powercut|syscalls|simulate|mutants``: disk, clock and code faults."""

from typing import Annotated

import typer

from pqkit.cli import output as out
from pqkit.cli.inputs import AsJson, BadInput
from pqkit.cli.lab.worker_experiments import run_experiment
from pqkit.db import connect
from pqkit.db.sqlite.database import SqliteDatabase
from pqkit.settings import settings


def powercut(
    *,
    cuts: Annotated[int, typer.Option(min=1, help="Power cuts to replay.")] = 300,
    jobs: Annotated[int, typer.Option(min=1, help="Jobs of the recorded workload.")] = 60,
    seed: Annotated[int, typer.Option(help="Point at which to cut, and what survives.")] = 1,
    json: AsJson = False,
) -> None:
    """Replay power cuts on the recorded writes of a real producer and worker: nothing is
    corrupt or lost.
    """
    from pqkit.lab.experiments.powercut import powercut as experiment  # noqa: PLC0415 - a command loads its own needs

    _about_files("powercut")
    run_experiment(lambda place, progress: experiment(place, cuts, jobs, seed=seed, progress=progress), as_json=json)


def consoles(
    *,
    sessions: Annotated[int, typer.Option(min=1, help="Open sessions of the ops console.")] = 30,
    seconds: Annotated[float, typer.Option(min=1, help="Seconds to watch them.")] = 60.0,
    jobs: Annotated[int, typer.Option(min=1, help="Pending jobs in the queue.")] = 1_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="How often to compare the workers without and with them.")] = 5,
    json: AsJson = False,
) -> None:
    """Measure the cost of open consoles: processor, memory, throughput of workers, first page
    and refresh.
    """
    from pqkit.lab.experiments.console_load import Plan  # noqa: PLC0415
    from pqkit.lab.experiments.console_load import consoles as experiment  # noqa: PLC0415

    plan = Plan(sessions, seconds, jobs, rounds)
    run_experiment(lambda place, progress: experiment(place, plan, progress), as_json=json)


def filters(
    *,
    jobs: Annotated[int, typer.Option(min=1_000, help="Jobs, some in every state.")] = 1_000_000,
    json: AsJson = False,
) -> None:
    """Load pages of jobs by every filter, as the manager console does: each is fast with any
    number of jobs.
    """
    from pqkit.lab.experiments.filter_latency import filters as experiment  # noqa: PLC0415

    run_experiment(lambda place, progress: experiment(place, jobs, progress), as_json=json)


def syscalls(
    *, most: Annotated[int, typer.Option(min=1, help="Faults to try, one after the other.")] = 40, json: AsJson = False
) -> None:
    """Make every Nth write or sync of a worker or producer fail: no acknowledged job is lost."""
    from pqkit.lab.experiments.syscalls import syscalls as experiment  # noqa: PLC0415

    _about_files("syscalls")
    run_experiment(lambda place, progress: experiment(place, most, progress=progress), as_json=json)


def simulate(
    *,
    seeds: Annotated[int, typer.Option(min=1, help="Histories to play, from the first on.")] = 200,
    first: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    replay: Annotated[int | None, typer.Option(min=0, help="Play this seed alone and print what happens.")] = None,
    json: AsJson = False,
) -> None:
    """Simulate random histories of crashes, freezes, sleeps and clock steps; a seed replays
    one exactly.
    """
    from pqkit.lab.simulation.simulator import simulate as experiment  # noqa: PLC0415
    from pqkit.lab.simulation.simulator import simulator  # noqa: PLC0415

    if replay is None:
        run_experiment(
            lambda place, progress: experiment(range(first, first + seeds), beside=place.beside, progress=progress),
            as_json=json,
        )
        return
    with simulator(settings().url) as play:
        played = play(replay)
    for at, words in played.events:
        out.say(f"{at:10.2f} s  {words}")
    for rule, job_id, words in played.broken:
        out.say(f"{rule}: job {job_id}: {words}", "red")
    if played.broken:
        raise typer.Exit(1)


def crippled(
    *,
    clinging: Annotated[
        bool, typer.Option("--clinging", help="The control: the crippled worker keeps maintenance, and this must fail.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Cripple the worker that does maintenance (memory, threads, files, disk, clock, stop):
    rescues go on.
    """
    from pqkit.lab.experiments.crippled_leader import crippled as experiment  # noqa: PLC0415

    run_experiment(lambda place, progress: experiment(place, clinging=clinging, progress=progress), as_json=json)


def mutants(*, json: AsJson = False) -> None:
    """Break the queue on purpose, one fault at a time: the simulation must find each fault and
    name the right rule.
    """
    from pqkit.lab.simulation.mutants import mutants as experiment  # noqa: PLC0415

    run_experiment(lambda place, progress: experiment(beside=place.beside, progress=progress), as_json=json)


def _about_files(name: str) -> None:
    if not isinstance(connect(settings().url), SqliteDatabase):
        raise BadInput(f"{name} takes SQLite's files apart; what a PostgreSQL server keeps is shown by lab restart")
