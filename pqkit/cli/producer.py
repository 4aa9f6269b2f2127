"""`pqkit producer`: produces the demo's input."""

import signal
import threading
from typing import Annotated

import typer


def producer(
    once: Annotated[bool, typer.Option("--once", help="Write one file and end.")] = False,
    every: Annotated[
        float | None, typer.Option(min=0.001, help="Seconds between files. [default: PQKIT_PRODUCER_EVERY]")
    ] = None,
    count: Annotated[int | None, typer.Option(min=1, help="Files to write; without end where not given.")] = None,
) -> None:
    """Write random text files and enqueue a job for each, until stopped."""
    from pqkit.demo.file_producer import produce  # noqa: PLC0415 - a command loads its own needs, so that all start fast
    from pqkit.log import configure  # noqa: PLC0415
    from pqkit.process.linux import die_with_supervisor  # noqa: PLC0415
    from pqkit.queue import get_queue  # noqa: PLC0415
    from pqkit.settings import settings  # noqa: PLC0415
    from pqkit.supervise.workspace import make_folders  # noqa: PLC0415

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    die_with_supervisor()
    configure()
    wanted = settings()
    make_folders([wanted.files])
    queue = get_queue()
    produce(
        queue,
        wanted.files.absolute(),
        every=wanted.producer_every if every is None else every,
        count=1 if once else count,
        stop=stop,
    )
    queue.close()
