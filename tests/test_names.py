"""The names of modules: one base name means one thing, few files stand at the root, each package says what it is."""

import ast
from collections import Counter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
REPEATED = {
    *("accounts", "base", "database", "dependencies", "enqueue", "jobs", "page", "queues"),
    *("redrives", "schedules", "tasks", "workers"),
}
"""The same noun in another layer, such as ``schedules`` of the command line, the REST interface and the queries."""
OLD_NAMES = {Path("pqkit/lab/tables.py")}
"""Modules of an earlier release that go with the next one."""
MAX_REPEATED = MAX_AT_ROOT = 12


def files(repository: Path = REPOSITORY) -> list[Path]:
    folders = ("pqkit", "dashboards")
    found = (file.relative_to(repository) for folder in folders for file in (repository / folder).rglob("*.py"))
    return sorted(file for file in found if "versions" not in file.parts and file.parts[1] != "kit")


def repeated(found: list[Path]) -> set[str]:
    """The base names that several modules have."""
    counts = Counter(file.stem for file in found if not file.stem.startswith("__"))
    return {name for name, count in counts.items() if count > 1}


def test_a_base_name_means_one_thing() -> None:
    assert repeated([file for file in files() if file not in OLD_NAMES]) == REPEATED
    assert len(REPEATED) <= MAX_REPEATED


def test_a_repeated_name_is_found(tmp_path: Path) -> None:
    for folder in ("pqkit/queue", "dashboards"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "thing.py").touch()
    assert repeated(files(tmp_path)) == {"thing"}


def test_few_modules_stand_at_the_root() -> None:
    assert len([file for file in files() if len(file.parts) == 2 and file.parts[0] == "pqkit"]) <= MAX_AT_ROOT


@pytest.mark.parametrize("package", [file for file in files() if file.stem == "__init__"], ids=str)
def test_each_package_says_what_it_is(package: Path) -> None:
    if "migrations" not in package.parts:
        assert ast.get_docstring(ast.parse((REPOSITORY / package).read_text()))
