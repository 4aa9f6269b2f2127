"""The walk-through for people runs as it stands."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import wait_until
from tests.test_up import Project

WALK = Path(__file__).parent.parent / "docs" / "walk-through.md"
BLOCK = re.compile(r"(?:<!-- (?P<mark>[^\n]*?) -->\n)?```(?P<kind>python|sh)\n(?P<text>.*?)```", re.DOTALL)


class Block(NamedTuple):
    """Code of the text, and what the comment above it says of it."""

    mark: str
    kind: str
    text: str


def blocks(text: str) -> list[Block]:
    return [Block(found["mark"] or "", found["kind"], found["text"]) for found in BLOCK.finditer(text)]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    project = Project(tmp_path)
    yield project
    project.kill()


def test_the_walk_through_runs_as_it_stands(project: Project) -> None:
    for block in blocks(WALK.read_text()):
        if block.kind == "python":
            (project.folder / block.mark.removeprefix("file: ")).write_text(block.text)
        elif block.mark == "background":
            setting, _, _, *arguments = shlex.split(block.text)
            project.up(*arguments, **dict([setting.split("=", 1)]))
            project.wait_for("stop             Ctrl+C")
        else:
            walk(project, block)


def walk(project: Project, block: Block) -> None:
    """Every line in its turn; the last one again until it says what the text promises."""
    *before, last = block.text.strip().splitlines()
    for line in before:
        assert run(project, line)[0] == 0, line
    promised = block.mark.removeprefix("until: ")
    wait_until(lambda: promised in run(project, last)[1], what=f"{promised!r} from {last!r}")


def run(project: Project, line: str) -> tuple[int, str]:
    program, *arguments = shlex.split(line)
    if program == "touch":
        (project.folder / arguments[0]).touch()
        return 0, ""
    assert program == "pqkit", line
    done = project.pqkit(*arguments, PQKIT_TASKS="walk")
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


def test_a_promise_that_is_not_kept_is_found(project: Project) -> None:
    with pytest.raises(AssertionError, match="nonsense"):
        walk(project, Block("", "sh", "pqkit nonsense\npqkit --version\n"))
