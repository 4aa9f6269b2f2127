"""A task module without tasks that records every run and builds in the requested fault.

It is named last in a worker's tasks. So the real ``pqkit worker`` is watched, with its child processes and its later
lives.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pqkit.domain.context import Context
from pqkit.domain.tasks import Task, registry
from pqkit.lab.harness import fault_plugin  # noqa: F401 - its import builds in the fault
from pqkit.lab.harness.ledger import Ledger


def record(task: Task[..., Any], ledger: Ledger) -> None:
    """Record each run of the task's handler before it begins and after it has returned."""
    task.function = (_async_recorded if task.is_async else _recorded)(task.function, ledger, task.wants_context)
    task.wants_context = True


def _recorded(function: Callable[..., Any], ledger: Ledger, wants_context: bool) -> Callable[..., Any]:
    def run(*, ctx: Context, **arguments: Any) -> Any:
        ledger.note(ctx.job_id, ctx.attempt, "begun")
        value = function(**_whole(arguments, ctx, wants_context))
        ledger.note(ctx.job_id, ctx.attempt, "done")
        return value

    return run


def _async_recorded(function: Callable[..., Any], ledger: Ledger, wants_context: bool) -> Callable[..., Any]:
    async def run(*, ctx: Context, **arguments: Any) -> Any:
        ledger.note(ctx.job_id, ctx.attempt, "begun")
        value = await function(**_whole(arguments, ctx, wants_context))
        ledger.note(ctx.job_id, ctx.attempt, "done")
        return value

    return run


def _whole(arguments: dict[str, Any], ctx: Context, wants_context: bool) -> dict[str, Any]:
    return {**arguments, "ctx": ctx} if wants_context else arguments


if "PQKIT_LAB_LEDGER" in os.environ:
    _ledger = Ledger(Path(os.environ["PQKIT_LAB_LEDGER"]))
    for _task in registry.values():
        record(_task, _ledger)
