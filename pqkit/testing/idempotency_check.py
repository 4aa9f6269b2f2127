"""Checks that a handler is idempotent: kill it before each step, run it again, compare."""

import difflib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pqkit.errors import PqkitError
from pqkit.redaction.redact import redact

Snapshot = dict[str, str]
PARTICULARS = re.compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\b(?=[a-fA-F]*\d)[0-9a-fA-F]{6,}\b|\d+", re.ASCII
)
LEVELS = (
    "all that it leaves",
    "all that it leaves but numbers, which differ by themselves",
    "names and numbers of lines alone, since the rest differs by itself",
)


class HandlerFails(PqkitError):
    """The handler does not complete even without a kill."""


class Difference(NamedTuple):
    """A difference after a kill before that step and another run; ``diff`` is unified."""

    step: str
    what: str
    diff: list[str]


class Verdict(NamedTuple):
    """Number of steps and of kills, what was compared, and the differences."""

    steps: int
    killed: int
    compared: str
    differences: list[Difference]


def rehearse(
    task: str, args: dict[str, Any], *, modules: Sequence[str], folders: Sequence[Path], files: Path, most: int
) -> Verdict:
    """Run the task repeatedly in scratch places, and compare what each run leaves.

    ``folders`` are copied there; ``files`` is the setting of that name. Raises HandlerFails.
    """
    plan = {
        "task": task,
        "args": args,
        "modules": list(modules),
        "folders": [(str(folder.absolute()), str(_inside(folder))) for folder in folders],
        "files": str(_inside(files)),
        "most": most,
    }
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pqkit.testing.check_process"],
        input=json.dumps(plan),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )
    if done.returncode:
        raise HandlerFails(f"the handler cannot be rehearsed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return judge(json.loads(done.stdout))


def _inside(folder: Path) -> Path:
    """Return a folder's path in a scratch place: the same as in the working folder."""
    try:
        return folder.absolute().relative_to(Path.cwd())
    except ValueError:
        return Path(folder.name)


def judge(found: dict[str, Any]) -> Verdict:
    """Compare what each case left with what two undisturbed runs left. Raises HandlerFails."""
    once, again = found["once"], found["again"]
    state, _, why = once["the job"].partition("\n")
    if state != "completed":
        raise HandlerFails(f"the handler does not complete by itself: it is {state}: {' '.join(why.split())}")
    level = next((n for n in range(2) if _plain(once, n) == _plain(again, n)), 2)
    expected = _plain(once, level)
    differences = [
        found for case in found["cases"] for found in _compare(case["label"], expected, _plain(case["left"], level))
    ]
    return Verdict(found["steps"], len(found["cases"]), LEVELS[level], differences)


def _compare(step: str, expected: Snapshot, left: Snapshot) -> Iterator[Difference]:
    for what in sorted(expected.keys() | left.keys()):
        if expected.get(what) != left.get(what):
            yield Difference(step, what, _diff(expected.get(what), left.get(what)))


def _plain(left: Snapshot, level: int) -> Snapshot:
    """Return what is left, without what differs between any two runs.

    Level 1 leaves out numbers; level 2 keeps only names and line counts.
    """
    if level == 0:
        return left
    found: dict[str, list[str]] = {}
    for name, content in left.items():
        plain = PARTICULARS.sub("#", content) if level == 1 else f"{len(content.splitlines())} lines"
        found.setdefault(PARTICULARS.sub("#", name), []).append(plain)
    return {name: "\n--\n".join(sorted(parts)) for name, parts in found.items()}


def _diff(expected: str | None, left: str | None) -> list[str]:
    if expected is None or left is None:
        return ["it is there, and should not be" if expected is None else "it should be there, and is not"]
    lines = difflib.unified_diff(
        expected.splitlines(), left.splitlines(), "run once", "killed and run again", lineterm=""
    )
    return [redact(line) for line in lines]
