import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pqkit.domain.payload import MAX_BYTES, MAX_DEPTH, PayloadError, clean_text, encode_args, encode_result


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        ([1], "JSON object"),
        ({"a": float("nan")}, "args.a is nan"),
        ({"a": [1, float("inf")]}, r"args.a\[1\] is inf"),
        ({"a": 2**63}, "64 bits"),
        ({"a": "x\x00y"}, "NUL"),
        ({"a": {"b\ud800": 1}}, "lone surrogate"),
        ({"a": date(2026, 1, 1)}, "date"),
        ({1: 2}, "keys are text"),
        ({"a": nested(MAX_DEPTH)}, "deeper"),
        ({"a": nested(100_000)}, "deeper"),
        ({"a": "x" * MAX_BYTES}, "bytes"),
    ],
)
def test_arguments_outside_the_bounds_are_refused_and_the_message_names_the_place(bad: Any, word: str) -> None:
    with pytest.raises(PayloadError, match=word):
        encode_args(bad)


def test_arguments_at_the_bounds_are_taken() -> None:
    args = {"a": nested(MAX_DEPTH - 1), "b": -(2**63), "c": "x" * (MAX_BYTES - 200)}
    assert json.loads(encode_args(args)) == args


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary() | st.dates(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(anything)
def test_any_result_becomes_json_that_every_database_takes(value: Any) -> None:
    text = encode_result(value)
    if text is not None:
        text.encode()
        json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
        assert "\\u0000" not in text


def test_a_result_that_is_too_large_or_has_a_broken_str_does_not_refuse_the_finish() -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    assert "not_kept" in str(encode_result("x" * MAX_BYTES))
    assert json.loads(str(encode_result([Broken(), nested(100)])))["instead"][0] == "<Broken>"


def test_error_text_is_cut_in_the_middle_and_has_no_nul() -> None:
    text = clean_text("a\x00" + "b" * 50_000 + "end", 1_000)
    assert len(text) < 1_100
    assert "\x00" not in text
    assert text.endswith("end")


def test_the_message_of_a_refusal_does_not_repeat_a_key_that_fills_the_page() -> None:
    with pytest.raises(PayloadError, match="nan") as refused:
        encode_args({"k" * 100_000: float("nan")})
    assert len(str(refused.value)) < 200


class Explosive(dict[str, int]):
    """Its own code raises what a handler's must not."""

    def items(self) -> Any:
        raise SystemExit(1)

    def __str__(self) -> str:
        raise KeyboardInterrupt


class Unspeakable:
    def __str__(self) -> str:
        raise SystemExit(1)


@pytest.mark.parametrize(
    "value",
    [Explosive(a=1), [Explosive(a=1)], Unspeakable(), {"a": Unspeakable()}],
    ids=["a dict", "in a list", "an object", "in a dict"],
)
def test_a_result_that_raises_when_it_is_read_is_not_kept_and_its_work_is_done(value: Any) -> None:
    assert "not_kept" in json.loads(encode_result(value) or "")
