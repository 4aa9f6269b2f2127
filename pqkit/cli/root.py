"""The root command: options that hold for every command."""

import os
from typing import Annotated

import typer

from pqkit.version import VERSION


def make_app() -> typer.Typer:
    """The program without its commands."""
    app = typer.Typer(
        name="pqkit",
        help="A persistent job queue in a file, and the kit to operate it.",
        epilog="Settings come from PQKIT_… variables, .env and \\[tool.pqkit] in pyproject.toml.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(for_all)
    return app


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"pqkit {VERSION}")
        raise typer.Exit


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
        os.environ["PQKIT_URL"] = url  # read by the settings in this process and its children
