"""Small widgets that the parts of this page share."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import panel as pn
from panel.viewable import Viewable

from pqkit.domain.durations import SECOND
from pqkit.domain.states import JobState, sources
from pqkit.queries import Survey

from .. import theme
from ..formatting import age, safe

CSS = Path(__file__).with_suffix(".css").read_text()


class Words(theme.Block):
    """A block with this page's styles."""

    def __init__(self, words: str = "", **params: object) -> None:
        super().__init__(**{"stylesheets": [theme.CSS, CSS], **params})
        self.object = words


def stack(*blocks: Viewable, gap: int = 12) -> pn.Column:
    """Blocks stacked, each as high as its content."""
    for block in blocks:
        block.styles = {**block.styles, "flex": "0 0 auto"}
    return pn.Column(*blocks, sizing_mode="stretch_width", margin=0, styles={"gap": f"{gap}px"})


def bullets(lines: Iterable[str]) -> str:
    """A bulleted list; ``lines`` are HTML of escaped values."""
    return f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>"


def many(number: int) -> str:
    return f"{number:,} job{'' if number == 1 else 's'}"


def counted(numbers: dict[JobState, int]) -> str:
    return ", ".join(f"{number:,} {theme.marked(state, state)}" for state, number in numbers.items())


def names(numbers: dict[str, int], most: int = 6) -> str:
    shown = [f"{safe(name)} ({number:,})" for name, number in list(numbers.items())[:most]]
    return ", ".join(shown) + (f" and {len(numbers) - most} more" if len(numbers) > most else "")


ASKED = {"set_priority": "Change the priority of"}


def preview(verb: str, label: str, found: Survey, now: int) -> str:
    """The preview of a verb: jobs it will change or refuse, their ages and errors."""
    alone = len(found.frozen) == 1
    whom = f"job {next(iter(found.frozen))}" if alone else many(len(found.frozen))
    lines = [_standing_alone(found, now)] if alone else list(_standing(found, now))
    unfit = {state: number for state, number in found.states.items() if state not in sources(verb)}
    if unfit:
        lines.append(f"Will be refused: {counted(unfit)}.")
    lines += [f"{'Last error' if alone else many(alike.jobs)}: {safe(alike.pattern)}" for alike in found.errors]
    return theme.head(f"{ASKED.get(verb, label)} {whom}?") + bullets(lines)


def _standing_alone(found: Survey, now: int) -> str:
    (state,), (queue,), (task,) = found.states, found.queues, found.tasks
    queued = f", queued {age((now - found.oldest) / SECOND)} ago" if found.oldest is not None else ""
    return f"It is {theme.marked(state, state)}, of task {safe(task)} in queue {safe(queue)}{queued}."


def _standing(found: Survey, now: int) -> Iterator[str]:
    yield f"They are {counted(found.states)}."
    yield f"Queues: {names(found.queues)}."
    yield f"Tasks: {names(found.tasks)}."
    if found.oldest is not None and found.newest is not None:
        yield f"Queued between {age((now - found.oldest) / SECOND)} and {age((now - found.newest) / SECOND)} ago."


def until(text: str) -> int | None:
    """The time (microseconds UTC) that lies 30m, 2h, 3d or such ahead; None for blank text.

    Raises ValueError for any other text.
    """
    if not text.strip():
        return None
    number, unit = text.strip()[:-1], text.strip()[-1:]
    seconds = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}.get(unit)
    if seconds is None or not number.replace(".", "", 1).isdecimal():
        raise ValueError(f"{text!r} is not a length of time such as 30m, 2h or 3d")
    moment = datetime.now(UTC) + timedelta(seconds=float(number) * seconds)
    return round(moment.timestamp() * SECOND)
