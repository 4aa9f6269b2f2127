"""Redirects imports of earlier releases' module names, as in users' notebooks.

An import by an old name warns with ``DeprecationWarning`` and names the new module. The old names go with the next
release.
"""

import sys
import warnings
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "pqkit.context": "pqkit.domain.context",
    "pqkit.hooks": "pqkit.domain.hooks",
    "pqkit.incident": "pqkit.incidents",
    "pqkit.incident.advice": "pqkit.incidents.suggested_commands",
    "pqkit.incident.case": "pqkit.incidents.time_span",
    "pqkit.incidents.advice": "pqkit.incidents.suggested_commands",
    "pqkit.incidents.case": "pqkit.incidents.time_span",
    "pqkit.lab.capacity": "pqkit.planning.capacity",
    "pqkit.lab.crash": "pqkit.lab.experiments.crash",
    "pqkit.lab.dry": "pqkit.incidents.job_replay",
    "pqkit.lab.load": "pqkit.lab.experiments.load",
    "pqkit.lab.poison": "pqkit.lab.experiments.poison",
    "pqkit.lab.policy": "pqkit.planning.retry_analysis",
    "pqkit.lab.regression": "pqkit.incidents.regression",
    "pqkit.lab.replay": "pqkit.planning.replay",
    "pqkit.lab.retry": "pqkit.lab.experiments.retry_storm",
    "pqkit.lab.scene": "pqkit.lab.experiments.sample_incident",
    "pqkit.lab.shapes": "pqkit.lab.experiments.load_profiles",
    "pqkit.outcome": "pqkit.domain.outcomes",
    "pqkit.payload": "pqkit.domain.payload",
    "pqkit.queries.span": "pqkit.queries.time_range",
    "pqkit.redact": "pqkit.redaction.redact",
    "pqkit.retry": "pqkit.domain.retry_policy",
    "pqkit.states": "pqkit.domain.states",
    "pqkit.tasks": "pqkit.domain.tasks",
}
"""Today's module for each old name."""


class MovedModules(MetaPathFinder, Loader):
    """Finds modules by their old names; it is asked last, so only for missing modules."""

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        return ModuleSpec(fullname, self, is_package=True) if fullname in MOVED else None

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to Python: the empty module is replaced at once."""

    def exec_module(self, module: ModuleType) -> None:
        new = MOVED[module.__name__]
        warnings.warn(f"{module.__name__} is {new} now", DeprecationWarning, stacklevel=2)
        sys.modules[module.__name__] = import_module(new)


def find_moved_modules() -> None:
    """Install the finder for old module names."""
    if not any(isinstance(finder, MovedModules) for finder in sys.meta_path):
        sys.meta_path.append(MovedModules())
