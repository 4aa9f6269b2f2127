"""The command line: every error is one line on standard error, and an exit code.

Exit code 2: the user can fix the error. 1: the command worked and found something wrong. 130: Ctrl+C.
"""

import os
import sys
from importlib import import_module
from typing import NoReturn

import typer

from pqkit.cli.root import make_app
from pqkit.errors import PqkitError
from pqkit.log import configure_command, escape
from pqkit.redaction.redact import redact

# Shells and supervisors start these often, so they load no other command: that would cost a second.
ALONE = ("api", "dashboards", "enqueue", "init", "producer", "worker")


def main() -> NoReturn:
    """Run the ``pqkit`` program."""
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
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # otherwise the final flush prints an error
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
