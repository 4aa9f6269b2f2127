"""The lock stays above versions with weaknesses that are known and fixed, as far as this list goes.

It asks no advisory database, so it sees nothing that was published after the list was written, and nothing about a
library that is not on it. What it does hold is that nobody locks an older version again.
"""

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

LOCK = Path(__file__).parents[2] / "requirements.lock"
# The least version without the weakness, and the advisory's name at GitHub (GHSA) or in the CVE list.
FLOORS = {
    "bokeh": ("3.8.2", "GHSA-793v-589g-574v: a live connection's origin is half checked"),
    "cryptography": ("50.0.0", "CVE-2026-69247; before 46.0.7 also CVE-2026-39892, an overflow of a buffer"),
    "h11": ("0.16.0", "GHSA-vqfr-h8mv-ghfj: malformed chunks are accepted, which smuggles requests past a proxy"),
    "jinja2": ("3.1.6", "GHSA-cpwx-vrp4-4pq7: a template leaves its sandbox"),
    "nbconvert": ("7.17.1", "CVE-2026-39377 and CVE-2026-39378; before 7.17.0 also GHSA-xm59-rqc7-hhvf"),
    "pillow": ("12.2.0", "CVE-2026-40192"),
    "requests": ("2.32.4", "CVE-2024-47081: credentials go to another host"),
    "starlette": ("1.3.1", "CVE-2026-54282 and CVE-2026-54283; before 0.49.1 also GHSA-7f5h-v6xp-fcq8"),
    "tornado": ("6.5.5", "GHSA-qjxf-f2mg-c6mc and GHSA-78cv-mqj4-43f7; before 6.5.0 also GHSA-7cx3-6m66-7c5m"),
    "urllib3": ("2.7.0", "CVE-2026-44431 and CVE-2026-44432; before 2.6.3 also GHSA-38jv-5279-wg99"),
}


def locked(text: str) -> dict[str, list[Version]]:
    """Every version of every library of a lock: there may be one for each Python."""
    found: dict[str, list[Version]] = {}
    for line in text.splitlines():
        if re.match(r"[a-zA-Z0-9]", line):
            one = Requirement(line.rstrip("\\ "))
            (pin,) = one.specifier
            found.setdefault(one.name.lower().replace("_", "-"), []).append(Version(pin.version))
    return found


def weak(text: str) -> list[str]:
    versions = locked(text)
    return [
        f"{name} {version}: {why}"
        for name, (least, why) in FLOORS.items()
        for version in versions.get(name, [])
        if version < Version(least)
    ]


def test_no_locked_version_has_a_weakness_of_the_list() -> None:
    assert weak(LOCK.read_text()) == []


def test_the_list_is_about_libraries_that_are_locked() -> None:
    assert FLOORS.keys() <= locked(LOCK.read_text()).keys()


@pytest.mark.parametrize("name", FLOORS)
def test_an_older_version_is_found(name: str) -> None:
    assert weak(f"{name}==0.1 ; python_full_version < '3.12' \\\n    --hash=sha256:00\n{name}==99 \\\n") == [
        f"{name} 0.1: {FLOORS[name][1]}"
    ]


def lower_bounds() -> dict[str, Version]:
    """The least version that the package itself asks for, of each library that it names with one."""
    project = tomllib.loads((LOCK.parent / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    parts = [(one.name.lower(), part) for one in map(Requirement, asked) for part in one.specifier]
    return {name: Version(part.version) for name, part in parts if part.operator == ">="}


def test_the_package_asks_for_no_framework_older_than_what_was_tried() -> None:
    """Whoever installs without the lock gets none with a weakness either."""
    asked, known = lower_bounds(), locked(LOCK.read_text())
    assert {"panel", "bokeh", "tornado", "starlette", "uvicorn", "h11"} <= asked.keys()
    assert [name for name in asked.keys() & FLOORS.keys() if asked[name] < Version(FLOORS[name][0])] == []
    assert [name for name, least in asked.items() if any(version < least for version in known.get(name, []))] == []
