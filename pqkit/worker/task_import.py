"""Imports the user's task modules."""

import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.machinery import PathFinder
from types import ModuleType

from pqkit.domain.outcomes import summarize
from pqkit.domain.tasks import registry
from pqkit.errors import PqkitError


class TasksMissing(PqkitError):
    """A task module cannot be imported, or no module declares a task."""


def import_tasks(modules: Sequence[str]) -> tuple[str, ...]:
    """Import the modules from the working folder; return all task names. Raises TasksMissing."""
    folder = os.getcwd()  # noqa: PTH109 - the entry of sys.path is text
    for name in modules:
        try:
            import_from(folder, name)
        except (Exception, SystemExit) as error:  # a script that exits must not end the worker silently
            raise TasksMissing(f"cannot import the tasks in {name}: {summarize(error)}") from error
    if not registry:
        raise TasksMissing("no tasks: name the modules that declare them with --tasks or PQKIT_TASKS")
    return tuple(registry)


def import_from(folder: str, name: str) -> ModuleType:
    """Import a module that the user named, from the folder if it is there.

    The folder is appended to ``sys.path``: the module can import from it, and no file in it shadows a library that is
    imported later.
    """
    if folder not in sys.path:
        sys.path.append(folder)
    top = name.partition(".")[0]
    spec = None if top in sys.modules else PathFinder.find_spec(top, [folder])
    if spec is not None and spec.loader is not None:
        sys.modules[top] = module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[top]
            raise
    return importlib.import_module(name)
