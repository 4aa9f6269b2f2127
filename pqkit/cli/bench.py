"""``pqkit bench``: measure pqkit's speed here, beside the bare database driver."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from pqkit.cli import output as out
from pqkit.cli.inputs import AsJson, BadInput
from pqkit.errors import PqkitError
from pqkit.settings import settings

if TYPE_CHECKING:
    from pqkit.bench import Figure, Plan
    from pqkit.db import Durability

COLUMNS = ("figure", "at", ">value", ">ratio", "~to", "bar", "verdict")
COLOURS = {"met": "green", "missed": "red"}
DURABILITIES: "dict[str, tuple[Durability, ...]]" = {
    "full": ("full",),
    "normal": ("normal",),
    "both": ("full", "normal"),
}


def bench(
    *,
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this scenario; repeatable.", show_default=False)
    ] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Rounds of each. Default: 5, quick 1.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A short run that shows that everything works; it judges nothing.")
    ] = False,
    durability: Annotated[Literal["full", "normal", "both"], typer.Option(help="Durability to measure at.")] = "both",
    url: Annotated[
        str | None,
        typer.Option(
            help="Measure beside this empty queue, on its disk or its server. Default: yours.", show_default=False
        ),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Exit with code 1 if a target is missed.")] = False,
    json: AsJson = False,
) -> None:
    """Measure speed on scratch queues beside yours, relative to the bare driver in the same run."""
    from pqkit.bench import rows  # noqa: PLC0415 - a command loads its own needs, so that all start fast

    if quick and check:
        raise BadInput("--check judges whole measurements: leave out --quick")
    if url is not None:
        _refuse_work(url)
    plan = _plan(only, rounds, durability, quick=quick)
    found = _measure(url or settings().url, plan, judge=not quick)
    if json:
        out.show_json(rows(found))
    else:
        out.show(out.table(COLUMNS, [_line(figure) for figure in found]))
    if check and any(figure.verdict == "missed" for figure in found):
        raise typer.Exit(1)


def _refuse_work(url: str) -> None:
    """Refuse a URL that names a queue with jobs, although the measurement only runs beside it."""
    from pqkit.db import connect, schema  # noqa: PLC0415
    from pqkit.queries import counts  # noqa: PLC0415

    there = connect(url)
    if there.exists() and schema.version(there) and (jobs := sum(counts(there).values())):
        raise BadInput(f"{there.name} holds {out.many(jobs)}: --url takes an empty queue, or one that is not there yet")


def _plan(only: list[str] | None, rounds: int | None, durability: str, *, quick: bool) -> "Plan":
    from pqkit.bench import QUICK, SCENARIOS, WHOLE, Plan  # noqa: PLC0415

    for name in only or ():
        if name not in SCENARIOS:
            raise BadInput(f"there is no scenario {name!r}; there are {out.names(list(SCENARIOS))}")
    rounds = rounds or (1 if quick else 5)
    return Plan(tuple(only or SCENARIOS), rounds, DURABILITIES[durability], QUICK if quick else WHOLE)


def _measure(url: str, plan: "Plan", *, judge: bool) -> "list[Figure]":
    from pqkit.bench import bars, figures, run  # noqa: PLC0415
    from pqkit.db.scratch import site_beside  # noqa: PLC0415

    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=out.console(stderr=True), transient=True) as bar, site_beside(url) as site:
        shown = bar.add_task("starting", total=1.0)
        try:
            samples = run(site, plan, lambda part, words: bar.update(shown, completed=part, description=words))
        except TimeoutError as error:
            raise PqkitError(f"the measurement came to no end: {error}") from None
        return figures(samples, bars(on_a_server=site.on_a_server) if judge else ())


def _line(figure: "Figure") -> tuple[object, ...]:
    value, ratio = figure.value, figure.ratio
    return (
        figure.name,
        figure.durability,
        f"{_number(value.median)} {figure.unit}",
        "" if ratio is None else f"{ratio.median:.2f} ({ratio.low:.2f}-{ratio.high:.2f})",
        figure.against,
        "" if figure.bar is None else figure.bar.words,
        Text(figure.verdict, COLOURS.get(figure.verdict, "")),
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
