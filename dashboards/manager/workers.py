"""The Workers tab: the registry, and start and stop of `pqkit up` processes via Supervisor."""

import asyncio
from typing import Any

import panel_material_ui as pmui
from panel.viewable import Viewable

from pqkit import queries
from pqkit.domain.durations import SECOND
from pqkit.errors import PqkitError
from pqkit.queries import WorkerView
from pqkit.queue import Operator
from pqkit.supervise import POOL, UP, Process, Supervisor

from .. import theme
from ..formatting import NOTHING, age, safe, size
from .bulk_actions import whole
from .confirm_dialog import NARROW, PICK, Sheet, button, line, offer
from .session import Desk
from .widgets import Words, stack

COLUMNS = [("Worker", ""), ("Host", ""), ("Pid", "number"), ("Slots", "number"), ("Heartbeat", "number")]
COLUMNS += [("Memory", "number"), ("Up", "number"), ("Queues", ""), ("Tasks", "wide")]
PROCESSES = [("Process", ""), ("State", ""), ("Pid", "number"), ("Up", "number")]
SILENT = 5.0


class Workers:
    """The registry, and the processes if Supervisor runs."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.sheet = desk, Sheet(desk)
        self._table, self._processes = Words(), Words()
        self._name = pmui.Select(label="Process", options=[], visible=False, **PICK)
        self._scale = button("Scale", self._ask_scale)
        self._stop = button("Stop", lambda *_: self._ask("stop"))
        self._restart = button("Restart", lambda *_: self._ask("restart"))
        self._running = 0

    def view(self) -> Viewable:
        buttons = line(self._scale, self._name, self._stop, self._restart)
        cards = theme.row(theme.card(self._table), theme.card(stack(buttons, self._processes)), basis=(640, 340))
        return stack(self.sheet.view, cards)

    async def refresh(self) -> None:
        found = await self.desk.ask(lambda queue: (queries.workers(queue.database), queue.database.now()))
        if found is None:
            return
        rows = (row(worker, found[1]) for worker in found[0])
        self._table.object = theme.head("Workers") + theme.grid(COLUMNS, rows, "No worker lives.")
        try:
            processes = await asyncio.to_thread(lambda: Supervisor.connect().processes())
        except PqkitError as error:
            processes = []
            self._processes.object = theme.head("Processes") + f"<p class='muted'>{safe(error)}</p>"
        else:
            up = [process for process in processes if process.group != POOL or process.state != "stopped"]
            self._processes.object = theme.head("Processes") + theme.grid(PROCESSES, map(process_row, up), "None.")
        self._show(processes)

    def _show(self, processes: list[Process]) -> None:
        self._running = sum(process.group == POOL and process.state in UP for process in processes)
        names = [process.name for process in processes if process.state in UP]
        offer(self._name, names)
        self._scale.visible = bool(processes) and self.desk.may("scale_workers")
        self._stop.visible = bool(names) and self.desk.may("stop_process")
        self._restart.visible = bool(names) and self.desk.may("restart_process")

    def _ask_scale(self, *_: Any) -> None:
        number = pmui.TextInput(label="Workers", value=str(self._running), **NARROW)

        def scale(operator: Operator, reason: str | None) -> str:
            count = whole(number.value)
            operator.note("scale_workers", reason, count=count)
            started, stopped = Supervisor.connect().scale(count)
            return f"{len(started)} started, {len(stopped)} told to stop: {count} workers run"

        about = "The others keep running; a worker that is stopped drains first, and its jobs go back uncharged."
        self._open("Change the number of workers?", about, "Scale", scale, [number])

    def _ask(self, verb: str) -> None:
        name = self._name.value
        about = {
            "stop": "A worker drains first, and its jobs go back uncharged.",
            "restart": "It is stopped, drains, and is started again.",
        }[verb]

        def do(operator: Operator, reason: str | None) -> str:
            operator.note(f"{verb}_process", reason, process=name)
            getattr(Supervisor.connect(), verb)(name)
            return f"process {name} is {'told to stop' if verb == 'stop' else 'restarted'}"

        self._open(f"{verb.capitalize()} {name}?", about, verb.capitalize(), do)

    def _open(self, title: str, about: str, label: str, deed: Any, fields: list[Viewable] | None = None) -> None:
        async def go(reason: str | None) -> bool:
            return await self.desk.act(lambda operator: deed(operator, reason))

        self.sheet.open(theme.head(title) + f"<p class='muted'>{safe(about)}</p>", label, go, fields or [])


def row(worker: WorkerView, now: int) -> list[str]:
    beat = worker.heartbeat_age
    silent = beat is None or beat > SILENT
    state = " (stopping)" if worker.stopping else ""
    return [
        safe(f"{worker.name}{state}"),
        safe(worker.host),
        str(worker.pid),
        f"{min(worker.running, worker.slots)} / {worker.slots}",
        theme.marked("bad" if silent else "good", age(beat)),
        size(worker.memory),
        age((now - worker.started_at) / SECOND),
        safe(", ".join(worker.queues) or "all"),
        safe(", ".join(worker.tasks) or NOTHING),
    ]


def process_row(process: Process) -> list[str]:
    level = "good" if process.state == "running" else "warn" if process.state in UP else "muted"
    return [safe(process.name), theme.marked(level, process.state), str(process.pid or NOTHING), age(process.uptime)]
