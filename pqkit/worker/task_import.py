"""Importing the user's task modules."""

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
    """Modules with tasks that cannot be imported, or none at all."""


def import_tasks(modules: Sequence[str]) -> tuple[str, ...]:
    """Import the modules from the working folder and return the names of all tasks. Raises TasksMissing."""
    folder = os.getcwd()  # noqa: PTH109 - the entry of sys.path is text
    for name in modules:
        try:
            import_from(folder, name)
        except (Exception, SystemExit) as error:  # a script that ends itself must not end the worker without a word
            raise TasksMissing(f"cannot import the tasks in {name}: {summarize(error)}") from error
    if not registry:
        raise TasksMissing("no tasks: name the modules that declare them with --tasks or PQKIT_TASKS")
    return tuple(registry)


def import_from(folder: str, name: str) -> ModuleType:
    """Import a module that somebody has named, from that folder where it is there.

    The folder stands last on the path: what the module imports is found there, and no file of it takes the place of a
    library that is imported later.
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
