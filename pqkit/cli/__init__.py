"""The command line. Whatever goes wrong there is one line on standard error: exit code 2 for what the user can mend,
1 where the command worked and found something wrong, 130 after Ctrl+C."""

import os
import sys
from importlib import import_module
from typing import NoReturn

import typer

from pqkit.cli.root import make_app
from pqkit.errors import PqkitError
from pqkit.log import configure_command, escape
from pqkit.redaction.redact import redact

# What shells and supervisors start again and again loads nothing of the other commands, which costs a second.
ALONE = ("api", "dashboards", "enqueue", "init", "producer", "worker")


def main() -> NoReturn:
    """The ``pqkit`` program."""
    configure_command()
    sys.exit(run())


def run() -> int:
    """Run the command in ``sys.argv`` and return its exit code."""
    try:
        code = _app()(standalone_mode=False)
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


def _app() -> typer.Typer:
    wanted = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    if wanted not in ALONE:
        whole: typer.Typer = import_module("pqkit.cli.commands").app
        return whole
    app = make_app()
    app.command()(getattr(import_module(f"pqkit.cli.{wanted}"), wanted))
    return app


def _complain(message: str, code: int) -> int:
    line = " ".join(message.split())
    if line:
        typer.echo(f"pqkit: {escape(redact(line))}", err=True)
    return code
