"""The documentation cannot lie: generated parts are fresh, examples run, and everything there is has its line."""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from pqkit.domain.states import JobState
from pqkit.lab.simulation.mutants import MUTANTS
from pqkit.settings import Settings
from pqkit.version import VERSION
from tests.support import PATIENCE, wait_until

REPO = Path(__file__).parent.parent
DOCS = REPO / "docs"
README = (REPO / "README.md").read_text()
EXAMPLE = re.compile(r"<!-- file: (?P<name>\S+) -->\n```python\n(?P<code>.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", REPO / "docs" / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_parts_are_fresh(generate: ModuleType) -> None:
    assert list(generate.stale()) == [], "run make docs"


def test_a_stale_part_is_found(generate: ModuleType) -> None:
    stale = README.replace("`retrying`", "`resting`")
    assert generate.generated(stale, ("states",)) == README


def test_every_command_state_and_setting_has_its_line() -> None:
    for page in (README, (DOCS / "concepts" / "states.md").read_text()):
        for state in JobState:
            assert f"| `{state}` |" in page
    settings = (DOCS / "reference" / "settings.md").read_text()
    for name in Settings.model_fields:
        assert f"| `{name}` | `PQKIT_{name.upper()}` |" in settings
    helped = subprocess.run([sys.executable, "-m", "pqkit", "--help"], capture_output=True, text=True, check=True)
    commands = re.findall(r"^│ ([a-z]+)  ", helped.stdout, re.MULTILINE)
    assert len(commands) > 10
    for command in commands:
        assert f"| `pqkit {command}" in (DOCS / "reference" / "cli.md").read_text(), command


def test_the_picture_of_the_states_shows_each_of_them() -> None:
    picture = (DOCS / "pictures" / "states.svg").read_text()
    assert set(re.findall(r'font-weight="600"[^>]*>(\w+)<', picture)) == {str(state) for state in JobState}


def test_the_readme_and_the_guide_for_contributors_stay_short() -> None:
    assert len(README.splitlines()) <= 180
    assert len((REPO / "CONTRIBUTING.md").read_text().splitlines()) <= 80


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert built.returncode == 0, built.stderr
    return folder


def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        assert not loads_from_elsewhere(page.read_text()), page


def test_what_a_page_loads_from_elsewhere_is_found() -> None:
    assert loads_from_elsewhere('<script src="https://elsewhere.example/x.js">')
    assert loads_from_elsewhere('<link rel="stylesheet" href="//elsewhere.example/x.css">')
    assert not loads_from_elsewhere('<a href="https://semver.org">')


def loads_from_elsewhere(page: str) -> list[str]:
    """The tags of a page that fetch something from another address; Material draws Mermaid with a script from one."""
    return re.findall(r'<(?:script|img|iframe|link)[^>]*(?:src|href)="(?:https?:)?//[^"]+"|class="mermaid"', page)


def test_what_is_said_of_mutants_is_what_there_is() -> None:
    said = re.search(r"(\d+) of (\d+) mutants are hunted", (REPO / "docs" / "postgresql.md").read_text())
    assert said
    there = str(sum(mutant.is_wrong(by_server_clock=True) for mutant in MUTANTS))
    assert said.groups() == (there, there)


def test_the_examples_run_as_they_stand(tmp_path: Path) -> None:
    names = []
    for example in EXAMPLE.finditer(README):
        (tmp_path / example["name"]).write_text(example["code"])
        names.append(example["name"])
    assert names == ["mytasks.py", "produce.py"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    (command,) = re.findall(r"^pqkit (worker .*)$", README, re.MULTILINE)
    (enqueue,) = re.findall(r"^pqkit (enqueue .*)$", README, re.MULTILINE)
    (listing,) = re.findall(r"^pqkit (jobs list .*)$", README, re.MULTILINE)
    pqkit = [sys.executable, "-m", "pqkit"]
    with (tmp_path / "worker.log").open("w") as log:
        worker = subprocess.Popen([*pqkit, *command.split()], cwd=tmp_path, env=environment, stdout=log, stderr=log)
    try:
        wait_until(lambda: "worker ready" in (tmp_path / "worker.log").read_text(), what="the worker's start")
        done = subprocess.run(
            [sys.executable, "produce.py"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.stdout.strip() == "{'path': 'a.png', 'width': 200}", done.stderr
        for arguments in (enqueue, listing):
            subprocess.run([*pqkit, *arguments.split()], cwd=tmp_path, env=environment, check=True, timeout=PATIENCE)
    finally:
        worker.terminate()
        worker.wait(PATIENCE)


def test_the_changelog_begins_with_this_version() -> None:
    (newest, *_) = re.findall(r"^## (\S+)", (REPO / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest == VERSION


SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)


def program(folder: Path, arguments: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    where = {**os.environ, "PYTHONPATH": str(folder), "PQKIT_TASKS": "pqkit.demo.tasks", **environment}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=folder, env=where, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_the_examples_for_tests_run_as_they_stand(tmp_path: Path) -> None:
    page = (REPO / "docs" / "testing.md").read_text()
    for example in EXAMPLE.finditer(page):
        (tmp_path / example["name"]).write_text(example["code"])
    done = program(tmp_path, ["pytest", "-q", "-p", "no:cacheprovider", "test_mytasks.py"])
    assert "2 passed" in done.stdout, done.stdout
    (command,) = SHELL.findall(page)
    done = program(tmp_path, shlex.split(command))
    assert done.returncode == 1
    (shown,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    assert done.stdout == shown, "run pqkit test-handler again and paste what it says"


def test_links_and_pictures_lead_somewhere() -> None:
    for page in (*REPO.glob("*.md"), *DOCS.rglob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            assert target.startswith("http") or (page.parent / target).exists(), f"{page.name}: {target}"
