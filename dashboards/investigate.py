"""Investigate: from a span on the charts to the notebook that looks into it, as a job of the queue."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import panel_material_ui as pmui
from panel.viewable import Viewable

from pqkit.errors import PqkitError

from . import shell
from .feed import shared
from .words import clock, safe

TASK, QUEUE = "incident", "incidents"
Span = Callable[[], tuple[int, int, str | None]]


class Investigate:
    """The button of one session, and a card that says what came of it. ``span`` tells what is looked at."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self.button = pmui.Button(
            label="Investigate", size="small", variant="outlined", margin=0, on_click=self._investigate
        )
        self.told = shell.Block()
        self.told.object = words("Brush a span on a chart, or take the whole window, and press Investigate.")

    def card(self) -> Viewable:
        head = shell.Block()
        head.object = shell.head("Investigate", "a notebook about a span, run as a job")
        return shell.card(head, self.told)

    async def _investigate(self, *_: Any) -> None:
        start, end, queue = self._span()
        if not any(TASK in worker.tasks for worker in shared().latest.workers):
            self.told.object = words(f"No living worker knows the task {TASK}, which would look into it.")
            return
        arguments = {"start": moment(start), "end": moment(end), "queue": queue}
        try:
            job = await asyncio.to_thread(lambda: shared().queue().enqueue(TASK, arguments, queue=QUEUE))
        except PqkitError as error:
            self.told.object = words(f"It did not work: {error}")
            return
        where = "Its report will be in the manager console, under Notebooks."
        self.told.object = words(f"Job {job.id} looks into {clock(start)} to {clock(end)}. {where}")


def moment(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / 1e6, UTC).isoformat()


def words(text: str) -> str:
    return f"<p role='status'>{safe(text)}</p>"
