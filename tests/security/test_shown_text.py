"""Nothing that is shown can turn, hide or forge the lines around it."""

import json

import pytest

from dashboards.formatting import safe
from pqkit.cli.output import cell, show_json, whole
from pqkit.domain.error_groups import pattern
from pqkit.log import escape
from pqkit.queries import last_line

UNSEEN = [
    *"\u202a\u202b\u202d\u202e\u2066\u2067\u2069\u200e\u200f\u061c\u200b\ufeff\u2028\u2029\x85\x9b\x1b\r\x00\U000e0041"
]


@pytest.mark.parametrize("sign", UNSEEN, ids=ascii)
def test_what_turns_or_hides_text_is_written_out(sign: str) -> None:
    text = f"abc{sign}def"
    for shown in (escape(text), safe(text), str(cell(text)), str(whole(text))):
        assert sign not in shown
        assert shown.startswith("abc\\")
        assert shown.endswith("def")


@pytest.mark.parametrize("sign", UNSEEN, ids=ascii)
def test_json_for_a_terminal_holds_none_and_says_the_same(sign: str, capsys: pytest.CaptureFixture[str]) -> None:
    show_json({"a": f"b{sign}"})
    shown = capsys.readouterr().out
    assert sign not in shown.replace("\r\n", "\n")
    assert json.loads(shown) == {"a": f"b{sign}"}


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\r"], ids=ascii)
def test_an_errors_lines_are_its_own(sign: str) -> None:
    error = f"ValueError: no{sign}FAKE: job 7 completed"
    assert "\n" not in str(whole(error))
    assert last_line(error) == error
    assert "\n" not in safe(error)


def test_lines_and_words_of_people_stay() -> None:
    for text in ("a\nb\tc", "é 漢字 👩\u200d💻 עברית"):
        assert str(whole(text)) == safe(text) == text


def test_an_errors_pattern_holds_no_such_sign() -> None:
    assert pattern("ValueError: abc\u202edef") == "ValueError: abc…def"
