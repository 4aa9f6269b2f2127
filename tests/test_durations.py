"""One unit of stored times and one way to say a duration."""

import ast
from pathlib import Path

import pytest

from pqkit.domain.durations import SECOND, duration, short_duration

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "0 s"),
        (0.04, "0 s"),
        (3.21, "3.2 s"),
        (5, "5 s"),
        (9.6, "10 s"),
        (119.4, "119 s"),
        (119.6, "2 min"),
        (599.4, "10 min"),
        (7_140, "119 min"),
        (12_000, "3 h 20 min"),
        (172_740, "47 h 59 min"),
        (345_600, "4 d"),
    ],
)
def test_a_duration_is_said_in_its_largest_unit(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_a_short_duration_is_said_in_milliseconds() -> None:
    assert [short_duration(seconds) for seconds in (0.0123, 0.9, 1, 75)] == ["12.3 ms", "900 ms", "1 s", "75 s"]


def seconds_defined_in(text: str) -> set[str]:
    """The names that a module gives to the number of microseconds in a second."""
    found = [node for node in ast.parse(text).body if isinstance(node, ast.Assign)]
    million = [node for node in found if isinstance(node.value, ast.Constant) and node.value.value == SECOND]
    names = {target.id for node in million for target in node.targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("MAX_") and not name.startswith("MOST_")}


def test_a_second_is_defined_once() -> None:
    files = [file for room in ("pqkit", "dashboards", "tests") for file in (ROOT / room).rglob("*.py")]
    assert [file for file in files if seconds_defined_in(file.read_text())] == [
        ROOT / "pqkit" / "domain" / "durations.py"
    ]
    assert seconds_defined_in("MILLION = 1_000_000") == {"MILLION"}
