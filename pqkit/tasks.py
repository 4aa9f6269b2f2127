"""Tasks: functions registered by name, with the policy of their jobs and a check of their arguments."""

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import update_wrapper
from string import Formatter
from typing import Any, Generic, Literal, NotRequired, ParamSpec, Protocol, TypeVar, get_type_hints, overload

from pydantic import ConfigDict, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError
from typing_extensions import TypedDict

from pqkit.errors import PqkitError
from pqkit.payload import PayloadError, encode_args, surely_fits
from pqkit.retry import check_policy

P = ParamSpec("P")
R = TypeVar("R")
Isolation = Literal["thread", "process"]
CONTEXT_PARAMETER = "ctx"


class ArgumentError(PqkitError, ValueError):
    """A call that does not fit the task's signature; the message names the argument."""


class Enqueuer(Protocol):
    """The part of a queue that a task needs to queue a call of itself."""

    def enqueue(self, task: Any, args: dict[str, Any], /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Policy:
    """What a task says of its jobs: where they go, how often they are tried, how long one run may take (seconds).

    ``max_retries`` and ``backoff`` are None where the task leaves them to the queue. ``encrypted``: arguments, results
    and errors are stored under a key. ``limit_key``: names in braces stand for arguments.
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
        if self.timeout is not None and not self.timeout > 0:
            raise ValueError(f"timeout must be more than 0 seconds, not {self.timeout}")
        if self.isolation not in {"thread", "process"}:
            raise ValueError(f"isolation is 'thread' or 'process', not {self.isolation!r}")


@dataclass(eq=False)
class Task(Generic[P, R]):
    """A registered function. Calling it is an ordinary call; ``enqueue`` queues the call."""

    name: str
    function: Callable[P, R]
    policy: Policy
    wants_context: bool = field(init=False)
    is_async: bool = field(init=False)
    _arguments: TypeAdapter[dict[str, Any]] = field(init=False, repr=False)
    _read: Callable[[str], dict[str, Any]] = field(init=False, repr=False)
    _key_parts: dict[str, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        update_wrapper(self, self.function)
        self.is_async = inspect.iscoroutinefunction(self.function)
        self.wants_context = CONTEXT_PARAMETER in inspect.signature(self.function).parameters
        self._arguments = _arguments_of(self.function, self.name)
        self._read = self._arguments.validator.validate_json
        self._key_parts = _fields_of(self.policy.limit_key, self.function, self.name)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def enqueue(self, *args: Any, **kwargs: Any) -> Any:
        """Queue one call on the default queue of ``get_queue()`` and return its ``Job``."""
        signature = inspect.signature(self.function)
        free = [p for p in signature.parameters.values() if p.name != CONTEXT_PARAMETER]
        try:
            bound = signature.replace(parameters=free).bind_partial(*args)
        except TypeError as error:
            raise ArgumentError(f"{self.name}: {error}") from None
        return default_queue().enqueue(self, {**bound.arguments, **kwargs})

    def encode(self, args: dict[str, Any]) -> str:
        """``args`` checked against the signature, as the JSON text to store. Raises ArgumentError or PayloadError."""
        if not isinstance(args, dict):
            raise PayloadError(f"{self.name}: arguments must be a JSON object, not {type(args).__name__}")
        try:
            checked = self._arguments.validator.validate_python(args)
        except ValidationError as error:
            raise ArgumentError(f"{self.name}: {_in_words(error)}") from None
        try:
            text = self._arguments.serializer.to_json(checked, warnings=False).decode()
        except PydanticSerializationError:
            text = ""
        if text and surely_fits(text):
            return text
        return encode_args(self._arguments.dump_python(checked, mode="json", warnings=False))

    def limit_key(self, text: str) -> str | None:
        """The key of a call with these encoded arguments; None where the task declares none, or one of them is None."""
        if self.policy.limit_key is None:
            return None
        given = json.loads(text)
        parts = {name: given.get(name, default) for name, default in self._key_parts.items()}
        return None if None in parts.values() else self.policy.limit_key.format_map(parts)

    def decode(self, text: str) -> dict[str, Any]:
        """Keyword arguments for the function from stored JSON. Raises ArgumentError when the code has moved on."""
        try:
            return self._read(text)
        except ValidationError as error:
            raise ArgumentError(f"{self.name}: {_in_words(error)}") from None

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

    Unsaid, the queue's settings decide how often a failed job is tried again, and otherwise pqkit: 3 times, after 1, 2
    and 4 seconds. ``backoff`` holds the seconds before each retry (the last repeats), ``timeout`` the seconds one run
    may take; ``isolation="process"`` runs it in a child process, which can be killed at its deadline. ``encrypted``
    tasks have their arguments, results and errors stored under a key (settings ``key_file`` and ``keys``).
    ``limit_key="{customer}"`` gives each job a key by its arguments; of the jobs with the same one, the queue runs no
    more at once than its ``key_concurrency``.
    """
    tries = None if backoff is None else tuple(backoff)
    policy = Policy(queue, max_retries, tries, timeout, isolation, encrypted, limit_key)
    if callable(name):
        return _register(Task(name.__name__, name, policy))
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
    """The queue that ``Task.enqueue`` uses; the floor above says which (imports go down only)."""
    return _default[-1]()


def set_default_queue(find_queue: Callable[[], Enqueuer]) -> None:
    _default[:] = [find_queue]


def _arguments_of(function: Callable[..., Any], name: str) -> TypeAdapter[dict[str, Any]]:
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise TypeError(f"task {name}: the annotation of an argument cannot be found: {error}") from None
    fields: dict[str, Any] = {}
    extra: Literal["forbid", "allow"] = "forbid"
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            extra = "allow"
        elif parameter.kind in {parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY}:
            raise TypeError(f"task {name}: arguments are passed by name, so {parameter} is not possible")
        elif parameter.name != CONTEXT_PARAMETER:
            hint = hints.get(parameter.name, Any)
            fields[parameter.name] = hint if parameter.default is parameter.empty else NotRequired[hint]
    make: Any = TypedDict  # a type checker wants its fields written out; these come from a signature
    shape = make(f"{name} arguments", fields)
    shape.__pydantic_config__ = ConfigDict(extra=extra, arbitrary_types_allowed=False, ser_json_inf_nan="constants")
    try:
        return TypeAdapter(shape)
    except (PydanticSchemaGenerationError, PydanticUserError) as error:
        raise TypeError(f"task {name}: an argument's type cannot be stored as JSON: {error.message}") from None


def _fields_of(template: str | None, function: Callable[..., Any], name: str) -> dict[str, Any]:
    """The arguments that a limit key is made of, with their defaults. Raises ValueError for what is no argument."""
    fields = [found for _, found, _, _ in Formatter().parse(template or "") if found is not None]
    arguments = inspect.signature(function).parameters
    for each in fields:
        if each not in arguments or each == CONTEXT_PARAMETER:
            raise ValueError(f"task {name}: its limit_key {template!r} has {each!r}, which is none of its arguments")
    return {each: None if (d := arguments[each].default) is inspect.Parameter.empty else d for each in fields}


def _in_words(error: ValidationError) -> str:
    parts = [f"argument '{'.'.join(str(step) for step in e['loc'])}': {e['msg']}" for e in error.errors()]
    return "; ".join(parts)


def encode_unregistered(args: Mapping[str, Any]) -> str:
    """Arguments for a task that this process does not know: only the storage rules are checked."""
    return encode_args(dict(args) if isinstance(args, Mapping) else args)


def encode_backoff(backoff: Sequence[float] | None) -> str | None:
    """The stored form of a backoff; None for the default, so that most rows stay narrow."""
    return None if backoff is None else json.dumps(list(backoff))
