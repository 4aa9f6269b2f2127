"""The command line. Whatever goes wrong there is one line on standard error: exit code 2 for what the user can mend,
1 where the command worked and found something wrong, 130 after Ctrl+C."""

import os
import sys
from typing import Annotated, NoReturn

import typer

from pqkit.cli import db, files, jobs, lab, proofs, queues, workers
from pqkit.cli.bench import bench
from pqkit.cli.dashboards import dashboards
from pqkit.cli.doctor import doctor
from pqkit.cli.enqueue import enqueue
from pqkit.cli.init import init
from pqkit.cli.monitor import monitor
from pqkit.cli.producer import producer
from pqkit.cli.proof import audit, why
from pqkit.cli.proofs import mutants, powercut, simulate, syscalls
from pqkit.cli.up import up
from pqkit.cli.worker import worker
from pqkit.errors import PqkitError
from pqkit.log import escape
from pqkit.version import VERSION

RUN, JOBS, OPERATE, DATABASE = "Run", "Jobs", "Operate", "Database"

app = typer.Typer(
    name="pqkit",
    help="A persistent job queue in a file, and the kit to operate it.",
    epilog="Settings come from PQKIT_… variables, .env and \\[tool.pqkit] in pyproject.toml.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for panel, commands in {RUN: (up, worker, producer, dashboards, init), JOBS: (enqueue,)}.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
app.add_typer(jobs.app, name="jobs", rich_help_panel=JOBS)
app.add_typer(queues.app, name="queues", rich_help_panel=JOBS)
app.command(rich_help_panel=OPERATE)(monitor)
app.command(rich_help_panel=OPERATE)(why)
app.command(rich_help_panel=OPERATE)(audit)
app.command(rich_help_panel=OPERATE)(doctor)
app.command(rich_help_panel=OPERATE)(bench)
app.add_typer(workers.app, name="workers", rich_help_panel=OPERATE)
app.add_typer(files.app, name="files", rich_help_panel=OPERATE)
for proof in (powercut, syscalls, simulate, mutants):
    lab.app.command()(proof)
lab.app.command()(proofs.powercut)
lab.app.command()(proofs.syscalls)
lab.app.command()(proofs.simulate)
lab.app.command()(proofs.mutants)
app.add_typer(lab.app, name="lab", rich_help_panel=OPERATE)
app.add_typer(db.app, name="db", rich_help_panel=DATABASE)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"pqkit {VERSION}")
        raise typer.Exit


@app.callback()
def for_all(
    *,
    url: Annotated[
        str | None, typer.Option(help="Where the queue lives, such as sqlite:///data/queue.db.", show_default=False)
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """A persistent job queue in a file, and the kit to operate it."""
    if url is not None:
        os.environ["PQKIT_URL"] = url  # read by the settings, here and in every process started from here


def main() -> NoReturn:
    """The ``pqkit`` program."""
    sys.exit(run())


def run() -> int:
    """Run the command in ``sys.argv`` and return its exit code."""
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except PqkitError as error:
        return _complain(str(error), 2)
    except typer.TyperException as error:
        return _complain(error.format_message(), 2)
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains when it flushes
        return 1
    except Exception as error:
        if os.environ.get("PQKIT_LOG_LEVEL") == "debug":
            raise
        return _complain(f"unexpected {type(error).__name__}: {error} (PQKIT_LOG_LEVEL=debug shows where)", 1)
    return code if isinstance(code, int) else 0


def _complain(message: str, code: int) -> int:
    line = " ".join(message.split())
    if line:
        typer.echo(f"pqkit: {escape(line)}", err=True)
    return code
