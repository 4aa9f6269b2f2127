"""``pqkit worker``: one worker process in the foreground."""

from typing import Annotated

import typer


def worker(
    tasks: Annotated[
        list[str] | None, typer.Option(help="Module with tasks, imported from the working folder; repeatable.")
    ] = None,
    slots: Annotated[int | None, typer.Option(min=1, help="Jobs that run at once.")] = None,
    queue: Annotated[list[str] | None, typer.Option(help="Queue to serve; repeatable. Default: all.")] = None,
    name: Annotated[
        str | None, typer.Option(help="Name in lists and logs. Default: Supervisor's, or host and pid.")
    ] = None,
) -> None:
    """Run jobs until SIGTERM or Ctrl+C; a second signal, a second later, gives running jobs back
    uncharged.
    """
    from pqkit.log import configure  # noqa: PLC0415 - a command loads its own needs, so that all start fast
    from pqkit.settings import settings  # noqa: PLC0415
    from pqkit.worker import run_worker  # noqa: PLC0415

    configure()
    given = {"tasks": _names(tasks), "slots": slots}
    wanted = settings().model_copy(update={key: value for key, value in given.items() if value is not None})
    run_worker(wanted, name=name, queues=queue or ())


def _names(given: list[str] | None) -> list[str] | None:
    return [name for text in given for name in text.split(",") if name] if given else None
