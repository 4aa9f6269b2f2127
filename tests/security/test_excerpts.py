"""Lists show the beginning of long arguments: without the secrets, and at a cost that their length does not set."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from pqkit import Queue, queries
from pqkit.queries import Filter
from pqkit.redaction import excerpt, redact, redact_texts
from pqkit.redaction.excerpt import LEFT_OUT, MOST

SECRET = "hunter2"
LONG = 50_000


def at(place: int, text: str) -> str:
    """A long text with this one so many characters behind its beginning."""
    return "x " * (place // 2) + text + " x" * (LONG // 2)


def stored(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


EDGES = [0, MOST - 30, MOST - 20, MOST - 10, MOST - 3, MOST, MOST + 5, MOST + redact_texts.MAX_VALUE - 12]
FORMS: dict[str, Callable[[int], object]] = {
    "address in a text": lambda place: {"x": at(place, f"postgres://ada:{SECRET * 3}@host/db")},
    "named in a text": lambda place: {"x": at(place, f"password={SECRET * 3}")},
    "long address": lambda place: {"x": at(place, f"https://ada:{SECRET * 20}@host/")},
    "member": lambda place: {"a": "x" * place, "password": SECRET, "z": "x" * LONG},
    "member of an item": lambda place: {"a": ["x"] * (place // 4), "b": [{"token": SECRET}] * 9_000},
    "item behind its name": lambda place: {"a": ["x"] * (place // 4) + ["--password", SECRET] * 9_000},
    "value whose name comes last": lambda place: {
        "value": SECRET,
        "a": "x" * place,
        "b": "y" * LONG,
        "name": "password",
    },
    "json in a text": lambda place: {
        "a": "x" * place,
        "b": stored({"value": SECRET, "z": "x" * LONG, "name": "token"}),
    },
    "text that is no object": lambda place: [at(place, f"api_key: {SECRET}")],
    "name of a member": lambda place: {"a" * place: 1, f"https://ada:{SECRET}@host/": "x" * LONG},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("place", EDGES)
def test_no_part_of_a_secret_is_shown_wherever_the_cut_falls(form: str, place: int) -> None:
    text = stored(FORMS[form](place))
    assert SECRET not in redact.redacted(text), "the whole hides it"
    shown = excerpt.excerpt(text)
    assert "hun" not in shown
    json.loads(shown)
    assert len(shown) < 4 * MOST
    assert LEFT_OUT in shown or "more" in shown


@pytest.mark.parametrize("value", [{"a": 1, "token": "x"}, {"path": "a.png"}, None, {"x": "y" * (MOST - 10)}])
def test_what_is_short_is_shown_whole(value: object) -> None:
    assert excerpt.excerpt(stored(value)) == redact.redacted(stored(value))


@pytest.mark.parametrize(
    "text",
    [
        stored({"x": ["a://b:c@d"] * 20_000}),
        stored({"x": "a://b:c@d " * 25_000}),
        stored({f"password{n}": {"a://b:c@d": n} for n in range(9_000)}),
        stored({"x": [stored({"y": [stored({"z": "a=b " * 9_000})] * 3})] * 9}),
        '{"x": "' + "a=b " * 60_000,
        "[" * LONG,
    ],
    ids=["items", "a text", "members", "json in json", "broken", "deep"],
)
def test_secrets_are_looked_for_in_what_is_shown_and_not_in_all(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole, 45 such jobs took half a minute of a processor's time."""
    seen: list[int] = []
    starred = redact_texts.starred
    monkeypatch.setattr(redact, "starred", lambda given: seen.append(len(given)) or starred(given))
    redact._remembered.cache_clear()
    excerpt.excerpt(text)
    assert sum(seen) < 4 * redact.ROUNDS * (MOST + redact_texts.MAX_VALUE)


def test_lists_show_the_beginning_and_a_job_itself_everything(queue: Queue) -> None:
    args: dict[str, Any] = {"first": 1, "x": ["word"] * 20_000}
    job = queue.enqueue("any", args).id
    (listed,) = queries.page(queue.database, Filter()).jobs
    (found,) = queries.search(queue.database, Filter()).jobs
    assert len(listed.args) < 2 * MOST
    assert found.args == listed.args
    assert json.loads(listed.args)["first"] == 1
    assert json.loads(queries.job(queue.database, job).job.args) == args
