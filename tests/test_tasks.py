import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pqkit import Context, Queue, task
from pqkit.domain import tasks
from pqkit.domain.tasks import ArgumentError, registry
from pqkit.errors import PqkitError


def test_calling_a_task_is_an_ordinary_call() -> None:
    @task
    def add(a: int, b: int = 2) -> int:
        return a + b

    assert add(1) == 3
    assert add(a=1, b=1) == 2
    assert add.__name__ == "add"


def test_an_async_task_is_awaited_as_ever() -> None:
    @task
    async def later(a: int) -> int:
        return a

    assert later.is_async
    assert asyncio.run(later(4)) == 4


def test_arguments_are_checked_and_brought_into_shape() -> None:
    @task
    def stamp(path: Path, at: datetime, width: int = 200) -> None: ...

    text = stamp.encode({"path": Path("a.png"), "at": datetime(2026, 1, 1, tzinfo=UTC), "width": "3"})
    assert stamp.decode(text) == {"path": Path("a.png"), "at": datetime(2026, 1, 1, tzinfo=UTC), "width": 3}


@pytest.mark.parametrize(
    ("args", "word"),
    [({}, "'path'"), ({"path": 1}, "'path'"), ({"path": "a", "wide": 1}, "'wide'"), ({"path": "a", "ctx": 1}, "'ctx'")],
)
def test_a_wrong_call_fails_at_the_caller_and_names_the_argument(args: dict[str, Any], word: str) -> None:
    @task
    def thumbnail(path: str, width: int = 200, *, ctx: Context) -> None: ...

    with pytest.raises(ArgumentError, match=word):
        thumbnail.encode(args)


def test_names_that_pydantic_models_would_refuse_are_fine() -> None:
    @task
    def odd(copy: int, schema: str, model_config: int = 1) -> None: ...

    assert odd.decode(odd.encode({"copy": 1, "schema": "x"})) == {"copy": 1, "schema": "x"}


def test_two_functions_cannot_share_a_name_but_one_may_be_declared_again() -> None:
    def declare() -> Callable[[], None]:
        def same() -> None: ...

        return same

    task("shared")(declare())
    task("shared")(declare())
    with pytest.raises(ValueError, match="two functions want the task name 'shared'"):
        task("shared")(lambda: None)


@pytest.mark.parametrize(
    "options", [{"max_retries": -1}, {"backoff": []}, {"timeout": 0}, {"isolation": "vm"}, {"backoff": [-1]}]
)
def test_a_declaration_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"max_retries|backoff|timeout|isolation|delay"):
        task("wrong", **options)(lambda: None)
    assert "wrong" not in registry


def test_positional_only_and_star_arguments_are_refused() -> None:
    def many(*paths: str) -> None: ...

    with pytest.raises(TypeError, match="by name"):
        task(many)


def test_enqueue_takes_arguments_by_place_or_name(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    @task
    def add(a: int, b: int = 2, *, ctx: Context) -> int:
        return a + b

    monkeypatch.setattr(tasks, "_default", [lambda: queue])
    first, second = add.enqueue(1, b=5), add.enqueue(a=2)
    assert second.id == first.id + 1
    with pytest.raises(ArgumentError):
        add.enqueue(1, 2, 3)


def test_its_errors_are_one_line_errors_of_pqkit() -> None:
    assert issubclass(ArgumentError, PqkitError)
