"""The check of the project's English finds what it is to find."""

import pytest

from tests.language import faults, faults_by_file, report, unread

CLEAN = '''"""Finds workers whose heartbeat is old."""

def rescue() -> int:
    """Give the jobs of dead workers back."""
'''


def test_plain_english_has_no_fault() -> None:
    assert faults(CLEAN) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("What a worker holds.", "opens with What"),
        ("Whether it is there.", "opens with Whether"),
        ("Wait until nobody uses it.", "'nobody'"),
        ("Give it back when it is\n\n    not used any more.", "'any more'"),
        ("Finds " + "x" * 90, "96 characters"),
    ],
)
def test_a_banned_construction_is_found(text: str, said: str) -> None:
    found = faults(CLEAN.replace("Give the jobs of dead workers back.", text))
    assert [(line, said in fault) for line, fault in found] == [(3, True)]


def test_a_listed_file_is_not_checked_and_leaves_the_list_when_it_is_clean() -> None:
    found = {"bad.py": [(1, "it opens with What")], "good.py": []}
    assert report(found, set()) == ["bad.py:1: it opens with What"]
    assert report(found, {"bad.py"}) == []
    assert report(found, {"bad.py", "good.py"}) == ["good.py is clean or gone: take it out of language_unread.txt"]


def test_the_checked_files_are_clean() -> None:
    assert report(faults_by_file(), unread()) == []
