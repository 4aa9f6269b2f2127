"""Every value that is queued arrives as it was given, by type and by repr, or is refused at the call."""

import math
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from itertools import repeat
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from pydantic import (
    AliasChoices,
    BaseModel,
    Field,
    PlainSerializer,
    PlainValidator,
    PrivateAttr,
    SecretStr,
    model_validator,
)
from sqlalchemy import column, select

from pqkit import Queue, queries, task
from pqkit.domain.outcomes import Claim, completed
from pqkit.domain.payload import MAX_BYTES, MAX_DEPTH, PayloadError, encode_args
from pqkit.domain.states import JobState
from pqkit.domain.tasks import ArgumentError, Task, registry
from pqkit.errors import JobFailed
from pqkit.jobs.spec import make_order
from pqkit.models.jobs import JobRow
from pqkit.queries import counts
from pqkit.queue import Finished
from tests.fleet import Fleet
from tests.support import PATIENCE


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


class Word(StrEnum):
    YES = "yes"


class Item(BaseModel):
    weight: float
    name: str = "x"


class Open(BaseModel, extra="allow"):
    """One that takes whatever comes."""


class Heavy(Item):
    tons: int = 1


@dataclass
class Point:
    x: int
    y: float


@dataclass(slots=True)
class Narrow:
    x: int
    at: datetime | None = None


class Loose(BaseModel, extra="allow"):
    a: int


class Renamed(BaseModel):
    a: int = Field(alias="theA")
    b: float = Field(0.0, validation_alias=AliasChoices("theB", "B"))


class Secretive(BaseModel):
    a: int
    _told: int = PrivateAttr(0)


class Reshaped(BaseModel):
    """It reads another shape than its own fields."""

    a: int

    @model_validator(mode="before")
    @classmethod
    def read(cls, given: Any) -> Any:
        return given.get("outer", given) if isinstance(given, dict) else given


class Timed(BaseModel):
    at: datetime
    also: list[datetime] = []


class Own(str):
    """A subclass, as libraries have them."""


@dataclass(slots=True)
class Slotted:
    x: int
    y: float = 0.0


class Pair(NamedTuple):
    a: int
    b: int


class Sized(NamedTuple):
    a: int
    b: float = 1.0


def told(number: int) -> Secretive:
    made = Secretive(a=1)
    made._told = number
    return made


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


NAIVE = datetime.fromisoformat("2026-01-01")
UTC_NOON = datetime(2026, 1, 1, 12, 30, 0, 5, tzinfo=UTC)
EAST = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2)))
# Values that JSON holds: without an annotation they arrive, by both ways.
PLAIN: list[Any] = [
    *(None, True, False, 0, 1, -1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)),
    *(0.0, -0.0, 1.0, 0.1, 1e16, 1e22, 1e308, 5e-324, 1.7976931348623157e308, -1e16, 123456789012345680.0, 1e-7),
    *("", " a ", "5", "é\u2028\U0001f600", "null", "NaN", "1e400", "\x7f", "\\u0000", '"', "\ufeff"),
    *([], {}, [[]], [None], {"b": 1, "aa": 2, "a": -0.0}, {"": 1}, {"$x.y[0]": [1, {"z": 1e22}]}, [1, 1.0, True]),
    nested(MAX_DEPTH - 1),
]
# Values that JSON does not hold.
FOREIGN: list[Any] = [
    *(math.nan, math.inf, -math.inf, 2**63, -(2**63) - 1, 10**5000, "\x00", "\ud800", "x" * MAX_BYTES),
    *({1: "a", "1": "b"}, {1: 2}, {None: 1}, {True: 1}, {10**5000: 1}, {Own("a"): 1}, {"\ud800": 1}),
    *({1, 2}, frozenset({1}), (1, 2), (), b"a", b"\xff", bytearray(b"a"), 1j, Decimal("1.0"), Fraction(1, 2)),
    *(UTC_NOON, NAIVE, date(2026, 1, 1), time(1, 2), timedelta(1), UUID(int=1), Path("a"), ...),
    *(Colour.RED, Level.LOW, Word.YES, Own("a"), Item(weight=1), Point(1, 2.0), object(), len, int, range(3)),
    *([math.nan], [{"a": (1,)}], {"a": {2}}, OrderedDict(a=1), Counter("a"), deque([1]), Pair(1, 2), SecretStr("s")),
    nested(MAX_DEPTH),
    nested(100_000),
]
# Annotations with values of their kind: each arrives as the type that was given.
TYPED: list[tuple[Any, Any]] = [
    *((int, 5), (float, 0.1), (float, -0.0), (float, 1e22), (str, "a"), (bool, True), (int | None, None)),
    *((float | int, 5), (float | int, 5.0), (int | str, "5"), (list[int], [1]), (list[float], [1.5, 1e22])),
    *(
        (dict[str, float], {"b": 1e16, "a": -0.0}),
        (dict[int, str], {1: "a"}),
        (set[int], {1, 2}),
        (frozenset[str], frozenset("a")),
    ),
    *((tuple[int, str], (1, "a")), (tuple[float, ...], (1.0, 2.0)), (bytes, b"abc"), (Decimal, Decimal("1.10"))),
    *((Decimal, Decimal("1E+400")), (datetime, UTC_NOON), (datetime, EAST), (datetime, NAIVE)),
    *((date, date(2026, 1, 1)), (time, time(1, 2, 3, 4)), (timedelta, timedelta(days=-1, microseconds=1))),
    *((UUID, UUID(int=5)), (Path, Path("/a b/c")), (Colour, Colour.RED), (Level, Level.LOW), (Word, Word.YES)),
    *(
        (Item, Item(weight=1e22)),
        (Slotted, Slotted(1, -0.0)),
        (Open, Open(more=1e22)),
        (Point, Point(1, -0.0)),
        (list[Item], [Item(weight=2)]),
        (dict[str, Path], {"a": Path("b")}),
    ),
    *((list[datetime], [UTC_NOON]), (deque[int], deque([1, 2])), (complex, 1 + 2j)),
    *((Narrow, Narrow(1)), (Narrow, Narrow(1, EAST)), (Loose, Loose(a=1, z=[2])), (Secretive, told(0))),
    *((Timed, Timed(at=EAST, also=[UTC_NOON, EAST])), (set[datetime], {EAST}), (dict[datetime, int], {EAST: 1})),
    *((frozenset[tuple[int, int]], frozenset({(1, 2)})), (set[float], {1.5}), (Sized, Sized(1, 2.5))),
]
# Annotations with values that they would change.
CHANGED: list[tuple[Any, Any]] = [
    *(
        (float, math.nan),
        (float, math.inf),
        (float | None, math.nan),
        (list[float], [1.0, math.nan]),
        (Item, Item(weight=math.nan)),
        (Open, Open(more={1, 2})),
    ),
    *((float, 2**53 + 1), (list[float], [2**53 + 1]), (float, True), (int, True), (int, 5.0), (bool, 1), (bool, 0.0)),
    *(
        (list[int], (1, 2)),
        (list[int], {1}),
        (list[Any], [(1,)]),
        (dict[str, Any], {"a": {1}}),
        (tuple[int, ...], [1.0]),
    ),
    *(
        (dict[str, Any], {"a": math.nan}),
        (dict[str, Any], {1: "a", "1": "b"}),
        (object, (1,)),
        (dict, {1: 1}),
        (list, [b"a"]),
    ),
    *((Any, UTC_NOON), (Item, Heavy(weight=1, tons=7)), (SecretStr, SecretStr("s")), (str, Own("a")), (str, b"a")),
    *((Decimal, 0.1), (Decimal, Decimal("NaN")), (bytes, b"\xff"), (bytes, b"\x00"), (int, 10**5000), (float, 10**400)),
    *(
        (datetime, datetime(2026, 7, 1, tzinfo=ZoneInfo("Europe/Berlin"))),
        (int, Level.LOW),
        (str, Word.YES),
        (float, "nan"),
    ),
    *((list[int], (n for n in (1, 2))), (Any, iter([1])), (list[Any], [iter([1])])),
    *((bytes, bytearray(b"a")), (list[bytes], [bytearray(b"a")]), (bytes | str, bytearray(b"a"))),
    *((set[int], {True}), (set[int], [True]), (set[int], {2.0}), (set[int], [1, 1]), (frozenset[int], [2.0, 1])),
    *((set[tuple[int, int]], [[True, 2]]), (set[float], [1, 1.0]), (list[set[int]], [[1, 1]]), (set[int], (1,))),
    *((Sized, [True]), (Sized, {"a": True}), (Sized, {"a": 2.0, "b": 1})),
    *((Counter, {"a": 2.0}), (Counter, {True: 1}), (OrderedDict, {1: "a"}), (OrderedDict, {None: 1})),
    *((Item, {"weight": 1, "size": 2}), (BaseModel, {"a": 1}), (list[Item], [{"weight": 1, "size": 2}])),
    *((Loose, Loose(a=1, z=(2,))), (Loose, Loose(a=1, z=math.nan)), (Loose, {"a": 1, "z": (2,)})),
    *((Renamed, {"theA": True}), (Renamed, {"theA": 1.0}), (Renamed, {"theA": 1, "B": True}), (Secretive, told(7))),
    *((Narrow, Narrow(1.0)), (Narrow, {"x": True})),
]


# More annotations, and values in the forms that JSON has, some of which an annotation would change.
HINTS: list[Any] = [
    # Without those whose text says less than they do.
    *(
        hint
        for hint in dict.fromkeys(hint for hint, _ in [*TYPED, *CHANGED])
        if hint not in {SecretStr, complex, bytes | str, BaseModel}
    ),
    *(dict[str, int], set[str], dict[str, Item], Pair, list[Pair], list[Point], int | float | str, list[bool], Slotted),
]
FORMS: list[Any] = [
    *([5.0], [1, 1.0], [1, 1], [1.5, 2], [2**53 + 1], [5, True], ["1"], ["1", "01"], [[1.0, 2]], [{"weight": 2**60}]),
    *({"1": "a"}, {"1": "a", "01": "b"}, {"a": 5.0}, {"a": True}, {"a": 1, "b": 2.0}, {"a": {"weight": 2**60}}),
    *({"weight": True}, {"weight": 2**53 + 1}, {"weight": 1, "tons": 7.0}, {"name": "z", "weight": 1.0}),
    *({"x": 5.0, "y": 1}, {"x": 5, "y": 1}, {"x": 5, "y": 2**53 + 1}, {"b": 1, "a": 2}, {"b": 1, "a": 2.0}),
    *([{"x": 5.0, "y": 1}], 5.0, 0.5, 1e3, "2026-01-01", "red", "yes", "a b"),
]


def taking(hint: Any) -> Task[..., Any]:
    def carry(v: Any) -> None: ...

    carry.__annotations__ = {} if hint is None else {"v": hint}
    return task("carry")(carry)


def is_same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and repr(one) == repr(other)


def arguments(claims: list[Claim]) -> list[str]:
    return [claim.args for claim in sorted(claims, key=lambda claim: claim.job_id)]


@pytest.mark.parametrize("hint", [None, Any, object], ids=["without", "Any", "object"])
def test_plain_values_are_stored_exactly_by_both_ways(hint: Any) -> None:
    carry = taking(hint)
    for value in PLAIN:
        for text in (encode_args({"v": value}), carry.encode({"v": value})):
            assert is_same(carry.decode(text)["v"], value), text


@pytest.mark.parametrize("hint", [None, Any, object], ids=["without", "Any", "object"])
@pytest.mark.parametrize("value", FOREIGN, ids=lambda value: type(value).__name__)
def test_what_json_does_not_hold_is_refused_by_both_ways_with_its_path(hint: Any, value: Any) -> None:
    carry = taking(hint)
    for encode in (encode_args, carry.encode):
        with pytest.raises((ArgumentError, PayloadError), match=r"args(\.v| takes)|args: ") as refused:
            encode({"v": value})
        assert "\n" not in str(refused.value)
        assert len(str(refused.value)) < 300


@pytest.mark.parametrize(("hint", "value"), TYPED, ids=str)
def test_an_annotated_value_arrives_as_the_type_that_was_given(hint: Any, value: Any) -> None:
    carry = taking(hint)
    assert is_same(carry.decode(carry.encode({"v": value}))["v"], value)


@pytest.mark.parametrize(("hint", "value"), CHANGED, ids=lambda part: type(part).__name__)
def test_a_value_that_an_annotation_would_change_is_refused(hint: Any, value: Any) -> None:
    with pytest.raises((ArgumentError, PayloadError), match=r"args\.v|argument 'v'"):
        taking(hint).encode({"v": value})


def test_a_refusal_names_the_path_of_the_argument() -> None:
    @task
    def load(rows: list[Item], other: Any = None) -> None: ...

    rows = [Item(weight=1), Item(weight=1), Item(weight=1), Item.model_construct(weight=math.nan)]
    with pytest.raises((ArgumentError, PayloadError), match=r"args\.rows\[3\]\.weight"):
        load.encode({"rows": rows})
    with pytest.raises(ArgumentError, match=r"args\.rows\[1\]\.weight"):
        load.encode({"rows": [{"weight": 1}, {"weight": math.nan}]})
    with pytest.raises(PayloadError, match=r"args\.other\.a\[1\]\.b is a set"):
        load.encode({"rows": [], "other": {"a": [0, {"b": {1}}]}})


def test_the_forms_that_json_has_for_a_type_are_still_read() -> None:
    for hint, given, taken in [
        (float, 5, 5.0),
        (int, "3", 3),
        (datetime, "2026-01-01T12:30:00.000005Z", UTC_NOON),
        (Item, {"weight": 1}, Item(weight=1)),
        (tuple[int, int], [1, 2], (1, 2)),
        (Colour, "red", Colour.RED),
        (Level, 1, Level.LOW),
        (Decimal, 5, Decimal(5)),
        (set[tuple[int, int]], [[1, 2]], {(1, 2)}),
        (set[float], [1], {1.0}),
        (Narrow, {"x": 1, "at": "2026-01-01T00:00:00+02:00"}, Narrow(1, EAST)),
        (Sized, [1], Sized(1)),
        (Sized, {"a": 1, "b": 2}, Sized(1, 2.0)),
        (OrderedDict, {"b": 1, "a": 2}, OrderedDict(b=1, a=2)),
        (Reshaped, {"outer": {"a": 1}, "more": 2}, Reshaped(a=1)),
        (Loose, {"a": 1, "z": 2}, Loose(a=1, z=2)),
    ]:
        carry = taking(hint)
        assert is_same(carry.decode(carry.encode({"v": given}))["v"], taken)


def arrives(carry: Task[..., Any], encode: Callable[[dict[str, Any]], str], value: Any) -> tuple[type, str] | None:
    """What the handler would get, by type and by repr; None where it is refused, at the call or by the worker."""
    try:
        found = carry.decode(encode({"v": value}))["v"]
    except (ArgumentError, PayloadError):
        return None
    return type(found), repr(found)


@pytest.mark.parametrize("hint", HINTS, ids=str)
def test_a_task_that_is_known_by_its_name_alone_gets_what_an_imported_one_gets(hint: Any) -> None:
    carry = taking(hint)
    for value in [*PLAIN, *FORMS]:
        assert arrives(carry, encode_args, value) == arrives(carry, carry.encode, value), value


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        *((int, 5.0), (int, True), (bool, 1), (float, 2**53 + 1), (float, True), (int | None, 5.0), (Decimal, 5.0)),
        *((list[int], [5.0]), (set[int], [1.0]), (set[int], [1, 1]), (deque[int], [5.0]), (dict[int, str], {"1": 1})),
        *((dict[str, int], {"a": 5.0}), (Item, {"weight": 2**53 + 1}), (Point, {"x": 5.0, "y": 1}), (datetime, 5)),
        *((Slotted, {"x": True}), (Pair, [1, 2.0]), (tuple[float, ...], [2**53 + 1]), (Level, True)),
    ],
    ids=str,
)
def test_what_an_annotation_would_change_is_refused_by_both_ways(hint: Any, value: Any) -> None:
    carry = taking(hint)
    for encode in (encode_args, carry.encode):
        assert arrives(carry, encode, value) is None


def test_a_collection_that_an_annotation_would_change_is_refused_as_well() -> None:
    for hint, value in [(set[int], {5.0}), (deque[int], deque([5.0])), (frozenset[float], frozenset([2**53 + 1]))]:
        with pytest.raises(ArgumentError, match=r"args\.v"):
            taking(hint).encode({"v": value})


def test_a_type_that_is_written_as_a_number_is_still_read() -> None:
    class Cents:
        def __init__(self, amount: int) -> None:
            self.amount = amount

        def __repr__(self) -> str:
            return f"Cents({self.amount})"

    def read(value: Any) -> Cents:
        return value if isinstance(value, Cents) else Cents(int(value))

    carry = taking(Annotated[Any, PlainValidator(read), PlainSerializer(lambda cents: cents.amount, return_type=int)])
    assert repr(carry.decode(encode_args({"v": 5}))["v"]) == "Cents(5)"
    assert arrives(carry, encode_args, 5.5) is None


def test_a_job_whose_arguments_the_annotations_would_change_fails_once_and_in_words(
    queue: Queue, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(registry, "whole", raising=False)  # this producer knows it by its name alone
    jobs = [queue.enqueue("whole", {"n": 5.0}), queue.enqueue("whole", {"n": True}), queue.enqueue("whole", {"n": 5})]
    fleet.start()
    for job, kind in zip(jobs, ("float", "bool"), strict=False):
        with pytest.raises(JobFailed, match=f"whole: args.n is a {kind} and would become an int"):
            job.result(PATIENCE)
        seen = queries.job(queue.database, job.id)
        assert (seen.job.state, seen.job.attempt, seen.job.retries) == (JobState.FAILED, 1, 0)
    assert jobs[2].result(PATIENCE) == 5


def test_a_generator_is_refused_before_it_is_read() -> None:
    def endless() -> Iterator[int]:
        yield from repeat(1)

    for hint in (Any, list[int], list[Any]):
        with pytest.raises((ArgumentError, PayloadError)):
            taking(hint).encode({"v": endless()})


def test_what_the_database_gives_out_is_the_text_that_was_checked(queue: Queue) -> None:
    carry, calls = taking(Any), [{"v": value} for value in PLAIN]
    typed = [(taking(hint), {"v": value}) for hint, value in TYPED]
    texts = [*map(carry.encode, calls), *(each.encode(args) for each, args in typed)]
    queue.enqueue_many(taking(Any), calls)
    for each, args in typed:
        with queue.database.write() as tx:
            queue._inserter.insert(tx, *make_order(each, now=0).call(args))  # one by one, as other annotations
    registry.clear()
    queue.enqueue_many("carry", calls)
    queue.enqueue("carry", calls[12])
    worker = queue.leases("w", 500, ("carry",))
    worker.register()
    claims = worker.exchange([], 500, alone=False).claims
    assert arguments(claims) == [*texts, *map(encode_args, calls), encode_args(calls[12])]
    with queue.engine.connect() as connection:
        stored = connection.execute(select(JobRow.args).order_by(column("id"))).scalars().all()
    assert stored == arguments(claims)


def test_results_arrive_as_they_were_returned_or_say_that_they_did_not(queue: Queue) -> None:
    values = [*PLAIN[1:], *FOREIGN[:-2], nested(MAX_DEPTH + 1)]
    ids = queue.enqueue_many("carry", [{} for _ in values])
    worker = queue.leases("w", 500, ("carry",))
    worker.register()
    claims = sorted(worker.exchange([], 500, alone=False).claims, key=lambda claim: claim.job_id)
    now = queue.database.now()
    ended = [Finished(claim, completed(value), now, now) for claim, value in zip(claims, values, strict=True)]
    assert not worker.exchange(ended, 0, alone=False).refused
    for job_id, value in zip(ids, values, strict=True):
        found = queue.job(job_id).result(0)
        exact = any(value is plain for plain in PLAIN)
        assert is_same(found, value) if exact else "not_kept" in found, type(value)
    assert queue.job(ids[values.index((1, 2))]).result(0) == {
        "not_kept": "result is a tuple, which JSON cannot hold",
        "instead": [1, 2],
    }


def test_a_real_worker_gets_what_was_given(queue: Queue, fleet: Fleet) -> None:
    values = [value for value in PLAIN if value is not None]
    jobs = [queue.job(job_id) for job_id in queue.enqueue_many("echo", [{"value": value} for value in values])]
    fleet.start()
    for job, value in zip(jobs, values, strict=True):
        assert is_same(job.result(PATIENCE), value)


@pytest.mark.parametrize("hint", [Any, dict[str, Any]])
def test_a_batch_and_its_completion_are_as_exact(hint: Any, queue: Queue) -> None:
    with (
        pytest.raises((ArgumentError, PayloadError), match="nan"),
        queue.batch("b", taking(hint), {"v": {"weight": math.nan}}),
    ):
        pass
    with pytest.raises((ArgumentError, PayloadError), match="tuple"), queue.batch("b", "end") as batch:
        batch.enqueue("carry", {"v": {"a": (1,)}})
    assert not any(counts(queue.database).values())
