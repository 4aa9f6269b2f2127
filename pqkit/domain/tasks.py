"""Tasks: functions registered by name, with the policy of their jobs and argument checks."""

import inspect
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import update_wrapper
from string import Formatter
from types import UnionType
from typing import (
    Any,
    Generic,
    Literal,
    NotRequired,
    ParamSpec,
    Protocol,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    overload,
)

from pydantic import ConfigDict, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError
from typing_extensions import TypedDict

from pqkit.domain.exact_json import PLAIN, alike, is_wide, storage_fault
from pqkit.domain.payload import ESCAPED_NUL, SHORT, PayloadError, encode_args, surely_fits, surely_fits_flat
from pqkit.domain.retry_policy import BadPolicy, check_named, check_policy, check_switch, check_timeout, shown
from pqkit.domain.value_conversion import conversion_fault, refusal, with_standard_zones
from pqkit.errors import PqkitError

P = ParamSpec("P")
R = TypeVar("R")
Isolation = Literal["thread", "process"]
CONTEXT_PARAMETER = "ctx"
LONG_INTEGER = re.compile("[0-9]{16}")
"""Matches any JSON text with an integer that a float may not represent exactly."""
SIMPLE = {Any, object, int, str, float, bool, type(None)}
"""Annotations under which a plain value of the right type is stored unchanged."""


class ArgumentError(PqkitError, ValueError):
    """A call that does not fit the task's signature; the message names the argument."""


class Enqueuer(Protocol):
    """The part of a queue that a task needs to enqueue a call of itself."""

    def enqueue(self, task: Any, args: dict[str, Any], /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Policy:
    """A task's policy: its queue, the retries, and the time limit of one run (seconds).

    ``max_retries`` and ``backoff`` are None where the task leaves them to the queue. ``encrypted``: arguments, results
    and errors are stored encrypted. ``limit_key``: names in braces stand for arguments.
    """

    queue: str = "default"
    max_retries: int | None = None
    backoff: tuple[float, ...] | None = None
    timeout: float | None = None
    isolation: Isolation = "thread"
    encrypted: bool = False
    limit_key: str | None = None

    def __post_init__(self) -> None:
        check_policy(self.max_retries, self.backoff)
        if self.timeout is not None:
            check_timeout(self.timeout)
        if self.isolation not in ("thread", "process"):
            raise BadPolicy(f"isolation is 'thread' or 'process', not {shown(self.isolation)}")
        check_named("queue", self.queue)
        check_switch("encrypted", self.encrypted)
        if self.limit_key is not None:
            check_named("limit_key", self.limit_key)


@dataclass(eq=False)
class Task(Generic[P, R]):
    """A registered function. Calling it is an ordinary call; ``enqueue`` queues the call."""

    name: str
    function: Callable[P, R]
    policy: Policy
    wants_context: bool = field(init=False)
    is_async: bool = field(init=False)
    _arguments: TypeAdapter[dict[str, Any]] = field(init=False, repr=False)
    _read: Callable[..., dict[str, Any]] = field(init=False, repr=False)
    _key_parts: dict[str, Any] = field(init=False, repr=False)
    _check: Callable[..., dict[str, Any]] = field(init=False, repr=False)
    _write: Callable[..., bytes] = field(init=False, repr=False)
    _simple: bool = field(init=False, repr=False)
    _floats: bool = field(init=False, repr=False)
    _loose: bool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        update_wrapper(self, self.function)
        self.is_async = inspect.iscoroutinefunction(self.function)
        self.wants_context = CONTEXT_PARAMETER in inspect.signature(self.function).parameters
        hints = _hints_of(self.function, self.name)
        self._arguments = _arguments_of(self.function, hints, self.name)
        self._read = self._arguments.validator.validate_json
        self._check, self._write = self._arguments.validator.validate_python, self._arguments.serializer.to_json
        kinds = [kind for hint in hints.values() for kind in _kinds(hint)]
        self._simple, self._floats = all(kind in SIMPLE for kind in kinds), float in kinds
        # Under Any or object, the serializer would write null for NaN and infinity.
        self._loose = not {Any, object}.isdisjoint(kinds)
        self._key_parts = _fields_of(self.policy.limit_key, self.function, self.name)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def enqueue(self, *args: Any, **kwargs: Any) -> Any:
        """Enqueue one call on the default queue of ``get_queue()`` and return its ``Job``."""
        signature = inspect.signature(self.function)
        free = [p for p in signature.parameters.values() if p.name != CONTEXT_PARAMETER]
        try:
            bound = signature.replace(parameters=free).bind_partial(*args)
        except TypeError as error:
            raise ArgumentError(f"{self.name}: {error}") from None
        return default_queue().enqueue(self, {**bound.arguments, **kwargs})

    def encode(self, args: Mapping[str, Any]) -> str:
        """Check ``args`` against the signature and return the JSON text to store.

        Raises ArgumentError or PayloadError. Every argument is stored exactly or refused: the handler gets the given
        value in its annotated type.
        """
        if not self._simple or type(args) is not dict or not PLAIN.issuperset(map(type, args.values())):
            return self._encode_closely(args)
        try:
            checked = self._check(args, strict=True)
            if self._loose:
                return encode_args(checked)
            text = self._write(checked, warnings=False).decode()
        except (ValidationError, PydanticSerializationError):
            return self._encode_closely(args)
        if self._floats and any(map(is_wide, args.values())):
            return self._encode_closely(args)
        # Most texts are short, and this check costs less than a call.
        fits = ESCAPED_NUL not in text if len(text) < SHORT else surely_fits_flat(text)
        return text if fits else self._encode_closely(args)

    def _encode_closely(self, args: Mapping[str, Any]) -> str:
        if not isinstance(args, Mapping):
            raise PayloadError(f"{self.name}: arguments must be a JSON object, not {type(args).__name__}")
        given = dict(args)
        if (fault := refusal(given, "args")) is not None:
            raise PayloadError(f"{self.name}: {fault}")
        checked = self._checked(given)
        try:
            text = self._write(checked, warnings=False).decode()
            if not surely_fits(text):
                text = encode_args(self._arguments.dump_python(checked, mode="json", warnings=False))
        except (ValueError, RecursionError):  # JSON cannot hold it, and the value's own check says best where
            text = encode_args(given)
        self._refuse_changes(given, checked, text)
        return text

    def _checked(self, args: dict[str, Any]) -> dict[str, Any]:
        try:
            checked = self._check(args)
            return checked if self._simple else with_standard_zones(checked)
        except ValidationError as error:
            raise ArgumentError(f"{self.name}: {_in_words(error)}") from None
        except RecursionError:
            raise PayloadError(f"{self.name}: args is nested too deep") from None

    def _refuse_changes(self, given: dict[str, Any], checked: dict[str, Any], text: str) -> None:
        if (fault := _conversion_fault(given, checked)) is not None:
            raise ArgumentError(f"{self.name}: {fault}")
        back = self.decode(text)
        if not alike(checked, back) and (fault := storage_fault(checked, back, "args")) is not None:
            raise PayloadError(f"{self.name}: {fault}")

    def limit_key(self, text: str) -> str | None:
        """The limit key of a call with these encoded arguments.

        None if the task declares none, or if one of its arguments is None.
        """
        if self.policy.limit_key is None:
            return None
        given = json.loads(text)
        parts = {name: given.get(name, default) for name, default in self._key_parts.items()}
        return None if None in parts.values() else self.policy.limit_key.format_map(parts)

    def decode(self, text: str) -> dict[str, Any]:
        """Decode stored JSON into keyword arguments for the function.

        Raises ArgumentError if the code's signature has changed, and for values that an annotation would change: a
        producer that knows the task only by name does not see its annotations.
        """
        if not self._simple or (self._floats and LONG_INTEGER.search(text)):
            return self._decode_closely(text)
        try:
            return self._read(text, strict=True)
        except ValidationError:
            return self._decode_closely(text)

    def _decode_closely(self, text: str) -> dict[str, Any]:
        try:
            read = self._read(text)
        except ValidationError as error:
            raise ArgumentError(f"{self.name}: {_in_words(error)}") from None
        read = read if self._simple else with_standard_zones(read, own=True)
        self._refuse_conversion(json.loads(text), read)
        return read

    def _refuse_conversion(self, stored: dict[str, Any], read: dict[str, Any]) -> None:
        if (fault := _conversion_fault(stored, read)) is None:
            return
        written = self._arguments.dump_python(read, mode="json", warnings=False)
        if not alike(stored, written):  # otherwise the value is only written in another form
            raise ArgumentError(f"{self.name}: {fault}")

    def schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments."""
        return self._arguments.json_schema()


registry: dict[str, Task[..., Any]] = {}


def find(name: str) -> Task[..., Any] | None:
    return registry.get(name)


@overload
def task(name: Callable[P, R], /) -> Task[P, R]: ...
@overload
def task(
    name: str | None = None,
    /,
    *,
    queue: str = ...,
    max_retries: int | None = ...,
    backoff: Sequence[float] | None = ...,
    timeout: float | None = ...,
    isolation: Isolation = ...,
    encrypted: bool = ...,
    limit_key: str | None = ...,
) -> Callable[[Callable[P, R]], Task[P, R]]: ...
def task(
    name: Callable[..., Any] | str | None = None,
    /,
    *,
    queue: str = "default",
    max_retries: int | None = None,
    backoff: Sequence[float] | None = None,
    timeout: float | None = None,
    isolation: Isolation = "thread",
    encrypted: bool = False,
    limit_key: str | None = None,
) -> Any:
    """Register a sync or async function as a task, by its own name or by ``name``.

    Without a retry policy, the queue's settings apply, and otherwise pqkit's default: 3 retries, after 1, 2 and 4
    seconds. ``backoff`` holds the seconds before each retry (the last repeats), ``timeout`` the seconds one run may
    take; ``isolation="process"`` runs it in a child process, which can be killed at its deadline. ``encrypted`` tasks
    have their arguments, results and errors stored under a key (settings ``key_file`` and ``keys``).
    ``limit_key="{customer}"`` gives each job a key by its arguments; the queue runs at most ``key_concurrency`` jobs
    with the same key at once.
    """
    check_policy(max_retries, backoff)
    tries = None if backoff is None else tuple(backoff)
    policy = Policy(queue, max_retries, tries, timeout, isolation, encrypted, limit_key)
    if callable(name):
        return _register(Task(name.__name__, name, policy))
    if name is not None:
        check_named("task", name)
    return lambda function: _register(Task(name or function.__name__, function, policy))


def _register(new: Task[P, R]) -> Task[P, R]:
    old = registry.get(new.name)
    if old is not None and _origin(old.function) != _origin(new.function):
        raise ValueError(f"two functions want the task name {new.name!r}: {_origin(old.function)} has it already")
    registry[new.name] = new
    return new


def _origin(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def _no_default_queue() -> Enqueuer:
    raise RuntimeError("no queue is set up; import get_queue from pqkit")


_default: list[Callable[[], Enqueuer]] = [_no_default_queue]


def default_queue() -> Enqueuer:
    """Return the queue of ``Task.enqueue``; a higher layer sets it (imports go down only)."""
    return _default[-1]()


def set_default_queue(find_queue: Callable[[], Enqueuer]) -> None:
    _default[:] = [find_queue]


def _arguments_of(function: Callable[..., Any], hints: dict[str, Any], name: str) -> TypeAdapter[dict[str, Any]]:
    fields: dict[str, Any] = {}
    extra: Literal["forbid", "allow"] = "forbid"
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            extra = "allow"
        elif parameter.kind in {parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY}:
            raise TypeError(f"task {name}: arguments are passed by name, so {parameter} is not possible")
        elif parameter.name != CONTEXT_PARAMETER:
            hint = hints[parameter.name]
            fields[parameter.name] = hint if parameter.default is parameter.empty else NotRequired[hint]
    make: Any = TypedDict  # type checkers want literal fields; these come from a signature
    shape = make(f"{name} arguments", fields)
    # NaN and infinity are refused: JSON would store null, which no float accepts.
    shape.__pydantic_config__ = ConfigDict(
        extra=extra, arbitrary_types_allowed=False, ser_json_inf_nan="constants", allow_inf_nan=False
    )
    try:
        return TypeAdapter(shape)
    except (PydanticSchemaGenerationError, PydanticUserError) as error:
        raise TypeError(f"task {name}: an argument's type cannot be stored as JSON: {error.message}") from None


def _hints_of(function: Callable[..., Any], name: str) -> dict[str, Any]:
    """The annotation of each parameter, Any where it has none."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise TypeError(f"task {name}: the annotation of an argument cannot be found: {error}") from None
    parameters = [p for p in inspect.signature(function).parameters.values() if p.name != CONTEXT_PARAMETER]
    return {p.name: Any if p.kind is p.VAR_KEYWORD else hints.get(p.name, Any) for p in parameters}


def _kinds(hint: Any) -> tuple[Any, ...]:
    """The members of a union; any other annotation alone."""
    return get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)


def _fields_of(template: str | None, function: Callable[..., Any], name: str) -> dict[str, Any]:
    """The arguments in a limit key, with defaults. Raises ValueError for an unknown argument."""
    fields = [found for _, found, _, _ in Formatter().parse(template or "") if found is not None]
    arguments = inspect.signature(function).parameters
    for each in fields:
        if each not in arguments or each == CONTEXT_PARAMETER:
            raise ValueError(f"task {name}: its limit_key {template!r} has {each!r}, which is none of its arguments")
    return {each: None if (d := arguments[each].default) is inspect.Parameter.empty else d for each in fields}


def _in_words(error: ValidationError) -> str:
    return "; ".join(f"{_place(*e['loc'])}: {e['msg']}" for e in error.errors())


def _conversion_fault(given: dict[str, Any], taken: dict[str, Any]) -> str | None:
    if alike(given, taken):
        return None
    faults = (conversion_fault(value, taken[name], f"args.{name}") for name, value in given.items())
    return next(filter(None, faults), None)


def _place(name: int | str, *steps: int | str) -> str:
    """Name an argument and the place in it: "argument 'rows' at args.rows[3].weight"."""
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step:.80}" for step in steps)
    return f"argument '{name}'" + (f" at args.{name}{path}" if path else "")


def encode_unregistered(args: Mapping[str, Any]) -> str:
    """Encode arguments of a task unknown to this process: only the storage rules are checked."""
    return encode_args(args)


def encode_backoff(backoff: Sequence[float] | None) -> str | None:
    """The stored form of a backoff; None for the default, so that most rows stay narrow."""
    return None if backoff is None else json.dumps(list(backoff))
