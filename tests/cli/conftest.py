"""Fixtures for the command line: a folder of one's own, the program in it, and the queue that it works on."""

import io
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from pqkit.cli import run
from pqkit.settings import settings
from tests.cli.support import Answer, Pqkit, run_program


@pytest.fixture
def program(tmp_path: Path) -> Pqkit:
    """The real program, in a process of its own: a second each."""
    return partial(run_program, tmp_path)


@pytest.fixture
def pqkit(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Pqkit]:
    """The same inside this process, which is quick."""
    monkeypatch.chdir(tmp_path)

    def answer(*arguments: object, stdin: bytes = b"", **given: str) -> Answer:
        for name, value in {"URL": url, **given}.items():
            monkeypatch.setenv(f"PQKIT_{name}", value)
        settings.cache_clear()
        monkeypatch.setattr("sys.argv", ["pqkit", *map(str, arguments)])
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = run()
        return Answer(code, *capsys.readouterr())

    yield answer
    settings.cache_clear()


@pytest.fixture
def no_database(url: str, tmp_path: Path) -> None:
    """The SQLite file that the settings name is not there yet."""
    shutil.rmtree(tmp_path / "data")
