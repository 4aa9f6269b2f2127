"""The examples of docs/flow.md run as they stand."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pqkit import Queue
from tests.cli.support import run_program
from tests.support import PATIENCE

PAGE = (Path(__file__).parent.parent / "docs" / "flow.md").read_text()
EXAMPLE = re.compile(r"<!-- file: (?P<name>\S+) -->\n```python\n(?P<code>.*?)```", re.DOTALL)
SAID = {"limits.py": "", "billing.py": "", "keys.py": "True True\n", "batches.py": "104 100\n"}


@pytest.mark.sqlite
def test_the_examples_say_what_the_page_says(queue: Queue, url: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("PQKIT_URL", url)
    found = {example["name"]: example["code"] for example in EXAMPLE.finditer(PAGE)}
    assert found.keys() == SAID.keys()
    queue.close()
    for name, code in found.items():
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=True, cwd=tmp_path
        )
        if name != "batches.py":
            assert done.stdout == SAID[name]


@pytest.mark.sqlite
def test_the_commands_work(queue: Queue, url: str, tmp_path: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in "".join(blocks).splitlines():
        words = [part.strip('"') for part in re.findall(r'"[^"]*"|\S+', line)][1:]
        done = run_program(tmp_path, *words, *(["--yes"] if "backfill" in words else []), URL=url)
        assert done.code == 0, (line, done.err)


def test_batches_and_keys_on_the_command_line(queue: Queue, url: str, tmp_path: Path) -> None:
    with queue.batch("night", "report") as batch:
        batch.enqueue("fetch")
    assert "night" in run_program(tmp_path, "batches", "list", URL=url).out
    assert "it waits for job 1, which is pending" in run_program(tmp_path, "batches", "show", batch.id, URL=url).out
    queued = run_program(tmp_path, "enqueue", "x", "--depends-on", 1, "--if-failed", "cancel", URL=url)
    assert queued.out == "job 3 queued\n"
    wrong = run_program(tmp_path, "enqueue", "x", "--replace", URL=url)
    assert wrong.is_one_clear_line
