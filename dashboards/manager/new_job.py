"""The form to enqueue a job by hand, with a field for each argument of the task."""

import inspect
import json
from typing import Any

import panel_material_ui as pmui
from panel.viewable import Viewable

from pqkit.domain.payload import read_json
from pqkit.domain.tasks import Task, registry
from pqkit.errors import PqkitError
from pqkit.queue import Operator
from pqkit.settings import settings
from pqkit.worker.task_import import import_tasks

from .. import theme
from ..formatting import safe
from .bulk_actions import whole
from .confirm_dialog import CHOICE, FIELD, NARROW, WHOLE_LINE, button, columns
from .session import Desk
from .widgets import Words, stack

OTHER = "another task"


def known_tasks() -> dict[str, Task[..., Any]]:
    """The tasks of the modules in the settings; none if they cannot be imported here."""
    try:
        import_tasks(settings().tasks)
    except (PqkitError, ImportError):
        return {}
    return dict(sorted(registry.items()))


class Calling:
    """The form of a new job."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._tasks = known_tasks()
        options = [*self._tasks, OTHER]
        self._task = pmui.Select(label="Task", options=options, value=options[0], **CHOICE)
        self._name = pmui.TextInput(label="Name of the task", visible=False, **NARROW)
        self._queue = pmui.TextInput(label="Queue (empty: the task's own)", **NARROW)
        self._priority = pmui.TextInput(label="Priority (lower goes first)", value="0", **NARROW)
        self._delay = pmui.TextInput(label="Due in seconds (empty: now)", **NARROW)
        self._key = pmui.TextInput(label="Unique key", **NARROW)
        self._why = pmui.TextInput(label="Why (goes on record)", **FIELD)
        self._words, self._barred, self._place = Words(), Words(), columns()
        self._fields: dict[str, Any] = {}
        self._go = button("Queue the job", self._pressed, strong=True)
        self._task.param.watch(lambda *_: self._lay_out(), "value")
        self._lay_out()

    def view(self) -> Viewable:
        more = columns(self._queue, self._priority, self._delay, self._key)
        title, which = Words(theme.head("Queue a job")), columns(self._task, self._name)
        return theme.card(stack(title, which, self._words, self._place, more, self._why, self._go, self._barred))

    async def refresh(self) -> None:
        self._go.disabled, self._barred.object = not self.desk.may("enqueue"), self.desk.barred("enqueue")

    def _lay_out(self) -> None:
        """Lay out a field per argument of the chosen task, or one JSON field for all."""
        task = self._tasks.get(self._task.value)
        self._name.visible = task is None
        if task is None:
            self._fields = {"": pmui.TextAreaInput(label="Arguments (JSON object)", value="{}", rows=5, **WHOLE_LINE)}
            about = "Its arguments are checked when a worker runs it."
        else:
            schema = task.schema()
            needed = set(schema.get("required", ()))
            parts = schema.get("properties", {}).items()
            known = inspect.signature(task.function).parameters
            self._fields = {
                name: _field(part, name if name in needed else f"{name} (empty: {known[name].default})", name in needed)
                for name, part in parts
            }
            about = task.function.__doc__ or "Each argument is JSON where it parses, otherwise text."
        self._words.object = f"<p class='muted'>{safe(' '.join(about.split()))}</p>"
        self._place.objects = list(self._fields.values())

    def _args(self) -> dict[str, Any]:
        if "" in self._fields:
            args = _parsed(self._fields[""].value)
            if not isinstance(args, dict):
                raise ValueError("the arguments must be a JSON object")
            return args
        said = {name: field.value for name, field in self._fields.items()}
        return {
            name: value if isinstance(value, bool) else _parsed(value) for name, value in said.items() if value != ""
        }

    def _enqueue(self, operator: Operator) -> str:
        task: Any = self._tasks.get(self._task.value) or self._name.value.strip()
        delay = float(self._delay.value) if self._delay.value.strip() else None
        key = self._key.value.strip() or None
        queue = self._queue.value.strip() or None
        options = {"queue": queue, "priority": whole(self._priority.value), "delay": delay, "unique_key": key}
        job = operator.enqueue(task, self._args(), reason=self._why.value.strip() or None, **options)
        return f"job {job} has this key already" if job.existing else f"job {job.id} is queued"

    async def _pressed(self, *_: object) -> None:
        await self.desk.act(self._enqueue)


def _field(part: dict[str, Any], label: str, needed: bool) -> Any:
    kinds = [part.get("type"), *(each.get("type") for each in part.get("anyOf", ()))]
    if kinds == ["boolean"] and needed:
        return pmui.Checkbox(label=label, margin=0)
    offered = ["true", "false"] if kinds == ["boolean"] else part.get("enum")
    if offered:
        return pmui.Select(label=label, options=[*([] if needed else [""]), *map(str, offered)], **CHOICE)
    hint = " or ".join(str(kind) for kind in kinds if kind)
    return pmui.TextInput(label=label, placeholder=hint, **NARROW)


def _parsed(text: str) -> Any:
    try:
        return read_json(text)
    except json.JSONDecodeError:
        return text
