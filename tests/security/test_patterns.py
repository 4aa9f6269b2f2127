"""No pattern that meets texts of others takes more than a fixed share of time for each character."""

import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from pqkit.auth.passwords import WeakPassword, check_strength
from pqkit.domain.error_groups import MAX_CHARS, fits, pattern
from pqkit.log import escape, escape_lines, escape_unseen
from pqkit.queries.event_stream import BadCursor, cursor_of
from pqkit.redaction.redact import public, redact, redacted
from pqkit.testing.idempotency_check import PARTICULARS

PIECES = ["/", "g-", "a@-", "'", '"', "a", "0", "a.", "a=", "password=", "password='", "a://", "a://b:", "--a ", "\\"]
PIECES += ["eyJ", "Bearer ", "-----BEGIN PRIVATE KEY-----", "x:a@", "\u2028", "[", '{"a":', "a: b =", "key key ", "%"]
PIECES += [
    "password=[",
    "password: {'",
    "<password>",
    "value: a",
    "digest a=",
    "input_value=",
    "identified by '",
    "'a',",
]
PIECES += [
    "password%3D",
    "password:\n  ",
    "a:\n",
    "\u200b",
    "\x1b[",
    "\u201cpin\uff1a",
    '{"name": "a", ',
    "(",
    "password=a(",
]
SHORT, LONG = 4_000, 16_000
MOST = 12.0
"""Four times as long a text takes four times as long, and sixteen times where a pattern is quadratic."""
ENOUGH = 0.05
"""Seconds that no machine may need to be told apart from noise."""


def checked(text: str) -> None:
    with suppress(WeakPassword):
        check_strength(text[:1024], "x")


def cursor(text: str) -> None:
    with suppress(BadCursor):
        cursor_of(text)


READERS: dict[str, Callable[[str], object]] = {
    "pattern": lambda text: pattern(f"ValueError: {text}"),
    "fits": lambda text: fits(text, "…a" * 100 + "…b"),
    "redact": redact,
    "redacted": redacted,
    "public": lambda text: public([text, {text[:50]: text}]),
    "escape": escape,
    "escape_lines": escape_lines,
    "escape_unseen": escape_unseen,
    "rehearsal": lambda text: PARTICULARS.sub("#", text),
    "password": checked,
    "cursor": cursor,
}


@pytest.mark.parametrize("name", READERS)
def test_hostile_texts_are_read_in_linear_time(name: str) -> None:
    read = READERS[name]
    for piece in PIECES:
        for tail in ("", "!", " ="):
            short, long = ((piece * (size // len(piece)) + tail) for size in (SHORT, LONG))
            assert _ratio(read, short, long) <= MOST, (piece, tail)


def _ratio(read: Callable[[str], object], short: str, long: str) -> float:
    """How many times as long the long one takes, at the best of some tries; 0 where both are over at once."""
    best = MOST + 1
    for _ in range(4):
        took_long = _took(read, long)
        if took_long < ENOUGH:
            return 0.0
        best = min(best, took_long / max(_took(read, short), 1e-6))
        if best <= MOST:
            break
    return best


def _took(read: Callable[[str], object], text: str) -> float:
    began = time.process_time()
    read(text)
    return time.process_time() - began


def test_a_pattern_is_of_the_beginning_alone() -> None:
    assert len(pattern("ValueError: " + "x " * 100_000)) <= MAX_CHARS
    assert pattern("ValueError: row 17 of /a/b is 'x'") == "ValueError: row … of … is …"


def test_many_gaps_of_a_group_are_one_search() -> None:
    assert fits("a1b2c", "a…b…c")
    assert not fits("a1c2b", "a…b…c")
