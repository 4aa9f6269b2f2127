"""``pqkit lab``: experiments that harm real processes and prove or refute pqkit's promises."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from pqkit.cli import output as out
from pqkit.cli.inputs import AsJson, BadInput
from pqkit.db import connect
from pqkit.settings import settings

if TYPE_CHECKING:
    from pqkit.lab import Scratch
    from pqkit.lab.harness.result import Progress as Watch
    from pqkit.lab.harness.result import Result

app = typer.Typer(
    help="Prove the promises by doing harm: kill, freeze and poison real workers on a scratch queue of their own.",
    no_args_is_help=True,
)
MANY_FINDINGS = 20
Seed = Annotated[int, typer.Option(help="Repeats an experiment, as far as processes can be repeated.")]


@app.command()
def crash(
    *,
    jobs: Annotated[int, typer.Option(min=1, help="Minimum number of jobs to queue.")] = 1_000,
    workers: Annotated[int, typer.Option(min=2, help="Workers at once.")] = 4,
    producers: Annotated[int, typer.Option(min=1, help="Producers at once.")] = 2,
    kills: Annotated[int, typer.Option(min=0, help="Workers to kill with SIGKILL.")] = 60,
    stops: Annotated[int, typer.Option(min=0, help="Workers to freeze for longer than their lease.")] = 5,
    hangs: Annotated[int, typer.Option(min=0, help="Jobs whose handlers go on past their deadline.")] = 2,
    seed: Seed = 1,
    task: Annotated[
        str | None,
        typer.Option(metavar="MODULE:HANDLER", help="Your own task, called without arguments, instead of the lab's."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Kill and freeze workers and producers at random: no job is lost, no finish accepted twice."""
    from pqkit.lab.experiments.crash import Plan  # noqa: PLC0415 - a command loads its own needs, so that all start fast
    from pqkit.lab.experiments.crash import crash as experiment  # noqa: PLC0415

    if task is not None:
        _check_task(task)
    plan = Plan(jobs, workers, producers, kills, stops, seed, task, hangs)
    run_experiment(lambda place, progress: experiment(place, plan, progress), as_json=json)


@app.command()
def recovery(
    *,
    kills: Annotated[int, typer.Option(min=1, help="Workers to kill.")] = 20,
    without_pid: Annotated[
        bool, typer.Option("--without-pid", help="Pretend that no process can see the workers' processes.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Measure how long the job of a killed worker waits for its rescue, at default settings."""
    from pqkit.lab.experiments.recovery import recovery as experiment  # noqa: PLC0415

    run_experiment(
        lambda place, progress: experiment(place, kills, without_pid=without_pid, progress=progress), as_json=json
    )


@app.command()
def poison(
    *,
    good: Annotated[int, typer.Option(min=1, help="Good jobs beside the poison.")] = 500,
    workers: Annotated[int, typer.Option(min=1, help="Workers at once.")] = 3,
    oom: Annotated[
        bool, typer.Option("--oom", help="Also run jobs that the kernel kills for their memory; root only.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Run jobs that kill their workers beside good ones: the former are quarantined, the latter
    are not charged.
    """
    from pqkit.lab.experiments.poison import poison as experiment  # noqa: PLC0415

    run_experiment(lambda place, progress: experiment(place, good, workers, oom=oom, progress=progress), as_json=json)


@app.command()
def contention(
    *,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to write.")] = 30,
    writers: Annotated[int, typer.Option(min=1, help="Processes that write at once.")] = 10,
    json: AsJson = False,
) -> None:
    """Let many processes write at once: no errors, and no process starves."""
    from pqkit.lab.experiments.contention import contention as experiment  # noqa: PLC0415

    run_experiment(lambda place, progress: experiment(place, seconds, writers, progress=progress), as_json=json)


@app.command()
def retry(
    *,
    jobs: Annotated[int, typer.Option(min=1, help="Jobs of each kind.")] = 3,
    workers: Annotated[int, typer.Option(min=1, help="Workers at once.")] = 2,
    json: AsJson = False,
) -> None:
    """Run jobs that fail in several ways: each attempt starts when the retry policy says, and
    not before.
    """
    from pqkit.lab.experiments.retry_storm import retry as experiment  # noqa: PLC0415

    run_experiment(lambda place, progress: experiment(place, jobs, workers, progress), as_json=json)


@app.command()
def load(
    *,
    seconds: Annotated[float, typer.Option(min=0.1, help="Duration of each load.")] = 5,
    workers: Annotated[int, typer.Option(min=1, help="Workers at once, with four slots each.")] = 2,
    nap: Annotated[float, typer.Option(min=0.001, help="Seconds that each job of the ramp takes.")] = 0.05,
    backlog: Annotated[
        list[int] | None, typer.Option(min=1, help="Pending jobs to drain from; repeatable. [default: 1000, 10000]")
    ] = None,
    json: AsJson = False,
) -> None:
    """Raise the load until the workers no longer keep up; measure the cost of a job as backlogs
    grow.
    """
    from pqkit.lab.experiments.load import load as experiment  # noqa: PLC0415

    backlogs = backlog or [1_000, 10_000]
    run_experiment(
        lambda place, progress: experiment(
            place, seconds=seconds, workers=workers, nap=nap, backlogs=backlogs, progress=progress
        ),
        as_json=json,
    )


@app.command()
def system(
    *,
    times: Annotated[int, typer.Option(min=1, help="How often to kill everything.")] = 10,
    workers: Annotated[int, typer.Option(min=1, help="Workers of the system.")] = 2,
    seed: Seed = 1,
    json: AsJson = False,
) -> None:
    """Kill `pqkit up`, its Supervisor and all workers at once; restart all with one command."""
    from pqkit.lab.experiments.whole_system import system as experiment  # noqa: PLC0415

    run_experiment(
        lambda place, progress: experiment(place, times, workers, seed=seed, progress=progress), as_json=json
    )


@app.command()
def forks(
    *,
    jobs: Annotated[int, typer.Option(min=1, help="Minimum number of acknowledged jobs.")] = 20_000,
    each: Annotated[int, typer.Option(min=4, help="Jobs of each family of producers.")] = 100,
    kills: Annotated[int, typer.Option(min=0, help="Parents, children and workers to kill with SIGKILL.")] = 40,
    seed: Seed = 1,
    carried: Annotated[
        bool, typer.Option("--carried", help="The control: open connections are carried over the forks, and jobs lost.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Fork and kill producers and handlers in every way while the queue is open: no job is lost."""
    from pqkit.lab.experiments.forks import Plan  # noqa: PLC0415
    from pqkit.lab.experiments.forks import forks as experiment  # noqa: PLC0415

    plan = Plan(jobs, each, kills=kills, seed=seed, carried=carried)
    run_experiment(lambda place, progress: experiment(place, plan, progress), as_json=json)


@app.command()
def backups(*, times: Annotated[int, typer.Option(min=1, help="How many backups.")] = 50, json: AsJson = False) -> None:
    """Back up and restore repeatedly while workers and producers run: each backup is complete."""
    from pqkit.lab.experiments.backup_restore import backups as experiment  # noqa: PLC0415

    run_experiment(lambda place, progress: experiment(place, times, progress=progress), as_json=json)


@app.command()
def moving(
    *, jobs: Annotated[int, typer.Option(min=20, help="Jobs in the queue.")] = 100_000, json: AsJson = False
) -> None:
    """Copy a whole queue into a file and back into a new database: nothing is lost or changed."""
    from pqkit.lab.experiments.database_copy import moving as experiment  # noqa: PLC0415

    run_experiment(lambda place, progress: experiment(place, jobs, progress=progress), as_json=json)


@app.command()
def schedules(
    *,
    ticks: Annotated[int, typer.Option(min=60, help="Minimum number of slots to tick.")] = 10_000,
    schedulers: Annotated[int, typer.Option(min=1, help="Schedulers at once.")] = 5,
    kills: Annotated[int, typer.Option(min=0, help="Schedulers to kill.")] = 60,
    seed: Seed = 1,
    json: AsJson = False,
) -> None:
    """Kill schedulers while they tick through clock changes in three zones: each slot gets one
    job.
    """
    from pqkit.lab.experiments.schedule_ticks import schedules as experiment  # noqa: PLC0415

    run_experiment(
        lambda place, progress: experiment(place, ticks, schedulers, kills, seed=seed, progress=progress), as_json=json
    )


def _check_task(name: str) -> None:
    from pqkit.domain.tasks import find  # noqa: PLC0415
    from pqkit.worker.task_import import import_tasks  # noqa: PLC0415

    module, colon, handler = name.partition(":")
    if not (module and colon and handler):
        raise BadInput(f"--task takes module:handler, such as mytasks:thumbnail, not {name!r}")
    import_tasks([module])
    task = find(handler)
    if task is None:
        raise BadInput(f"{module} declares no task {handler!r}")
    task.encode({})


def run_experiment(experiment: "Callable[[Scratch, Watch], Result]", *, as_json: bool) -> None:
    """Run an experiment in a scratch place, show its result, and exit with code 1 if it failed.

    After a failure the place is kept. If the queue is on a server, the place is a new database there.
    """
    from pqkit import lab  # noqa: PLC0415

    place = lab.scratch(settings().url)
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=out.console(stderr=True), transient=True) as bar:
        shown = bar.add_task("starting", total=1.0)
        result = _result_of(experiment, place, lambda part, words: bar.update(shown, completed=part, description=words))
    if not result.passed:
        place.keep()
    _show(place, result, as_json=as_json)
    if not result.passed:
        raise typer.Exit(1)


def _result_of(experiment: "Callable[[Scratch, Watch], Result]", place: "Scratch", progress: "Watch") -> "Result":
    """The experiment's result; one that timed out has failed."""
    from pqkit.lab.harness.result import Result  # noqa: PLC0415
    from pqkit.lab.harness.verdict import Finding  # noqa: PLC0415

    try:
        return experiment(place, progress)
    except TimeoutError as error:
        return Result("the experiment came to no end", {}, [Finding("in time", None, str(error))])


def _show(place: "Scratch", result: "Result", *, as_json: bool) -> None:
    kept = None if result.passed else str(place.folder)
    there = connect(place.url)
    database = there.name if kept is not None and there.exists() else None  # some experiments start their own server
    findings = [found._asdict() for found in result.findings]
    if as_json:
        story = {"findings": findings, "smallest": result.smallest, "kept": kept, "database": database}
        out.show_json({"passed": result.passed, "figure": result.figure, **result.numbers, **story})
        return
    for found in result.findings[:MANY_FINDINGS]:
        about = "" if found.job_id is None else f"job {found.job_id}: "
        out.say(f"{found.rule}: {about}{found.words}", "red")
    if len(findings) > MANY_FINDINGS:
        out.say(f"and {len(findings) - MANY_FINDINGS} more", "red")
    for line in result.smallest:
        out.say(f"  {line}")
    if kept is not None:
        out.say(f"the ledger and the logs are kept in {kept}" + (f", the database is {database}" if database else ""))
    out.say(result.figure, "green" if result.passed else "red")
