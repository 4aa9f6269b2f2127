"""Importing the user's task modules."""

import importlib
import os
import sys
from collections.abc import Sequence

from pqkit.errors import PqkitError
from pqkit.outcome import summarize
from pqkit.tasks import registry


class TasksMissing(PqkitError):
    """Modules with tasks that cannot be imported, or none at all."""


def import_tasks(modules: Sequence[str]) -> tuple[str, ...]:
    """Import the modules from the working folder and return the names of all tasks. Raises TasksMissing."""
    folder = os.getcwd()  # noqa: PTH109 - the entry of sys.path is text
    if folder not in sys.path:
        sys.path.insert(0, folder)
    for name in modules:
        try:
            importlib.import_module(name)
        except (Exception, SystemExit) as error:  # a script that ends itself must not end the worker without a word
            raise TasksMissing(f"cannot import the tasks in {name}: {summarize(error)}") from error
    if not registry:
        raise TasksMissing("no tasks: name the modules that declare them with --tasks or PQKIT_TASKS")
    return tuple(registry)
