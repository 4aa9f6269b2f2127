"""The cost of a test, by its fixtures and its module's imports: ``make check`` runs the quick ones alone."""

from types import ModuleType

import pytest

PAGES = ("playwright", "papermill", "tests.browser", "tests.consoles")
PROCESSES = ("subprocess", "multiprocessing", "pqkit.lab", "tests.fleet", "tests.rest", "tests.test_up")
PROCESS_FIXTURES = frozenset({"consoles", "fleet", "place", "program", "server"})
SLOW_MARKERS = ("browser", "fault", "prove")


def order(item: pytest.Item) -> int:
    """The longest files first: whatever comes last then ends on all processes at about the same time."""
    module = _module(item)
    if module is None or _imports(module, PAGES):
        return 0
    return 1 if _imports(module, PROCESSES) else 2


def is_quick(item: pytest.Item) -> bool:
    """Whether it needs neither a server nor a browser, a kernel or another process."""
    if order(item) < 2 or any(item.get_closest_marker(name) for name in SLOW_MARKERS):
        return False
    parameters = getattr(item, "callspec", None)
    if parameters is not None and parameters.params.get("kind") == "postgresql":
        return False
    return not PROCESS_FIXTURES.intersection(getattr(item, "fixturenames", ()))


def _module(item: pytest.Item) -> ModuleType | None:
    """None for a cell of a notebook."""
    return getattr(item, "module", None)


def _imports(module: ModuleType, names: tuple[str, ...]) -> bool:
    return any(_is_of(value, name) for value in vars(module).values() for name in names)


def _is_of(value: object, name: str) -> bool:
    origin = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    return isinstance(origin, str) and (origin == name or origin.startswith(f"{name}."))
