"""A producer's enqueue options, checked and converted to the columns of ``job``."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, get_args

from pqkit.domain.durations import SECOND
from pqkit.domain.names import BadOrder, check_name
from pqkit.domain.payload import INT_MAX, PayloadError
from pqkit.domain.retry_policy import (
    DEFAULT_MAX_RETRIES,
    check_delay,
    check_moment,
    check_policy,
    check_switch,
    check_timeout,
    shown,
)
from pqkit.domain.states import NEVER, JobState
from pqkit.domain.tasks import ArgumentError, Policy, Task, encode_backoff, encode_unregistered, find
from pqkit.security import encryption
from pqkit.settings import settings

IfFailed = Literal["hold", "continue", "cancel"]
UniqueWhile = Literal["unfinished", "waiting", "kept"]
PRIORITIES = range(-32_768, 32_768)


class Retries(NamedTuple):
    """A queue's retry policy, for jobs whose task and enqueue set none; ``backoff`` as stored."""

    max_retries: int = DEFAULT_MAX_RETRIES
    backoff: str | None = None


RETRIES = Retries()


class Ties(NamedTuple):
    """An order's relation to other jobs.

    It names the jobs to wait for, what happens when one of them fails, the batch that the job completes, and the rule
    for a taken unique key. ``actor`` is the name on record if the order changes a waiting job.
    """

    depends_on: tuple[int, ...] = ()
    if_failed: IfFailed = "hold"
    batch: str | None = None
    unique_while: UniqueWhile = "unfinished"
    replaces: bool = False
    actor: str | None = None

    @property
    def waits(self) -> bool:
        return bool(self.depends_on) or self.batch is not None


FREE = Ties()


class Order(NamedTuple):
    """One kind of enqueue: all but the arguments. ``due_at`` (microseconds UTC) is None for now.

    ``max_retries`` and ``backoff`` are None if neither the call nor the task sets them.
    """

    task: str
    declared: Task[..., Any] | None
    queue: str
    priority: int
    max_retries: int | None
    backoff: str | None
    timeout: float | None
    unique_key: str | None
    due_at: int | None
    encrypted: bool = False
    limit_key: str | None = None
    ties: Ties = FREE
    trace: str | None = None

    @property
    def is_plain(self) -> bool:
        """True if it can be inserted without a check of other jobs."""
        return self.unique_key is None and not self.ties.waits

    @property
    def is_simple(self) -> bool:
        """True if it needs only a row of ``job`` and a row of ``ready``."""
        return (
            self.ties is FREE
            and self.unique_key is None
            and self.due_at is None
            and self.limit_key is None
            and self.trace is None
        )

    @property
    def keyed_by_arguments(self) -> bool:
        """True if the task derives each call's limit key from arguments, and the order sets none."""
        return self.limit_key is None and self.declared is not None and self.declared.policy.limit_key is not None

    @property
    def encode(self) -> Callable[[dict[str, Any]], str]:
        """The encoder of arguments, looked up once for many calls."""
        check = self._check
        return (lambda args: encryption.close_json(check(args))) if self.encrypted else check

    def call(self, args: dict[str, Any]) -> "tuple[Order, str]":
        """Return the order for these arguments, and their stored form."""
        order, declared = self, self.declared
        if declared is None:
            text = encode_unregistered(args)
        else:
            text = declared.encode(args)
            if declared.policy.limit_key is not None:
                order = self._with_key(text)
        return order, encryption.close_json(text) if self.encrypted else text

    def _with_key(self, text: str) -> "Order":
        """Set the limit key that the task derives from these arguments."""
        if not self.keyed_by_arguments or self.declared is None or (key := self.declared.limit_key(text)) is None:
            return self
        return self._replace(limit_key=check_name("limit_key", key))

    def check_each(self, calls: Sequence[Any]) -> None:
        """Raise the error of the first arguments that cannot be queued, prefixed with their index."""
        for place, args in enumerate(calls):
            try:
                self.call(args)
            except (ArgumentError, PayloadError) as error:
                raise type(error)(f"calls[{place}]: {error}") from None

    @property
    def _check(self) -> Callable[[dict[str, Any]], str]:
        return encode_unregistered if self.declared is None else self.declared.encode

    def row(self, args: str, now: int, policy: Retries = RETRIES) -> tuple[Any, ...]:
        """The row of ``job``; the queue's policy fills what the order leaves open."""
        return (
            self.queue,
            self.task,
            args,
            self.priority,
            policy.max_retries if self.max_retries is None else self.max_retries,
            policy.backoff if self.backoff is None else self.backoff,
            self.timeout,
            self.unique_key,
            self.limit_key,
            now,
        )

    def place(self, job_id: int, now: int) -> tuple[Any, ...]:
        """The row of ``ready`` or ``delayed`` that makes the job claimable."""
        if self.ties is not FREE and self.ties.waits:
            return NEVER, job_id, JobState.SCHEDULED, 0, 0, 0, None, None
        if self.due_at is None:
            return self.queue, self.priority, job_id, 0, 0, 0, 0, None, now
        return self.due_at, job_id, JobState.SCHEDULED, 0, 0, 0, None, None


def make_order(
    task: Task[..., Any] | str,
    *,
    now: int,
    queue: str | None = None,
    priority: int = 0,
    run_at: datetime | None = None,
    delay: float | None = None,
    unique_key: str | None = None,
    max_retries: int | None = None,
    backoff: Sequence[float] | None = None,
    timeout: float | None = None,
    limit_key: str | None = None,
    unique_while: UniqueWhile = "unfinished",
    replace: bool = False,
    debounce: float | None = None,
    depends_on: Sequence[Any] = (),
    if_failed: IfFailed = "hold",
    actor: str | None = None,
) -> Order:
    """Check the options, fill in the task's policy. Raises BadOrder or ValueError in one line."""
    name, declared = (task.name, task) if isinstance(task, Task) else (task, find(task))
    policy = declared.policy if declared else Policy()
    max_retries = policy.max_retries if max_retries is None else max_retries
    backoff = policy.backoff if backoff is None else backoff
    check_policy(max_retries, backoff)
    timeout = policy.timeout if timeout is None else timeout
    if timeout is not None:
        check_timeout(timeout)
    check_priority(priority)
    check_switch("replace", replace)
    if unique_key is not None:
        check_name("unique_key", unique_key)
    if limit_key is not None:
        check_name("limit_key", limit_key)
    if debounce is not None:
        if delay is not None or run_at is not None or depends_on:
            raise BadOrder("debounce says when the job is due: no delay, run_at or depends_on beside it")
        delay, replace = debounce, True
    ties = _ties(unique_key, unique_while, depends_on, if_failed, replace=replace)
    if replace and actor is not None:
        ties = ties._replace(actor=actor)
    return Order(
        check_name("task", name),
        declared,
        check_name("queue", policy.queue if queue is None else queue),
        priority,
        max_retries,
        encode_backoff(backoff),
        timeout,
        unique_key,
        _due(run_at, delay, now),
        _encrypted(policy),
        limit_key,
        ties,
    )


def _ties(
    unique_key: str | None, unique_while: UniqueWhile, depends_on: Sequence[Any], if_failed: IfFailed, *, replace: bool
) -> Ties:
    if unique_key is None and (replace or unique_while != "unfinished"):
        raise BadOrder("replace, debounce and unique_while are about a unique_key: give that too")
    if unique_while not in get_args(UniqueWhile):
        raise BadOrder(f"unique_while is one of {', '.join(get_args(UniqueWhile))}, not {shown(unique_while)}")
    if if_failed not in get_args(IfFailed):
        raise BadOrder(f"if_failed is one of {', '.join(get_args(IfFailed))}, not {shown(if_failed)}")
    if replace and unique_while == "kept":
        raise BadOrder("a job that keeps its key is not replaced")
    ties = Ties(_awaited(depends_on), if_failed, None, "waiting" if replace else unique_while, replace)
    return FREE if ties == FREE else ties


def _awaited(jobs: Sequence[Any]) -> tuple[int, ...]:
    if isinstance(jobs, (str, bytes)) or not isinstance(jobs, Iterable):
        raise BadOrder(f"depends_on must be a list of jobs or their ids, not {shown(jobs)}")
    ids = [getattr(job, "id", job) for job in jobs]
    for job_id in ids:
        if type(job_id) is not int or not 0 < job_id <= INT_MAX:
            raise BadOrder(f"depends_on must be a list of jobs or their ids, and {shown(job_id)} is none")
    return tuple(sorted(set(ids)))


def _encrypted(policy: Policy) -> bool:
    return policy.encrypted or settings().encrypt == "all"


def order_like(asked: Sequence[Any]) -> Order:
    """Rebuild a job's order from its stored columns; encrypted arguments stay encrypted.

    The columns are ``task, queue, priority, max_retries, backoff, timeout, unique_key, limit_key, args``.
    """
    name, queue, priority, max_retries, backoff, timeout, unique_key, limit_key, args = asked
    declared = find(name)
    order = Order(name, declared, queue, priority, max_retries, backoff, timeout, unique_key, None)
    encrypted = encryption.is_sealed(args) or _encrypted(declared.policy if declared else Policy())
    by_arguments = order.keyed_by_arguments  # the limit key follows from the replacement's arguments
    return order._replace(limit_key=None if by_arguments else limit_key, encrypted=encrypted)


def check_priority(priority: int) -> None:
    if type(priority) is not int or priority not in PRIORITIES:
        raise BadOrder(f"priority must be {PRIORITIES.start} to {PRIORITIES.stop - 1}, not {shown(priority)}")


def _due(run_at: datetime | None, delay: float | None, now: int) -> int | None:
    if run_at is not None and delay is not None:
        raise BadOrder("give run_at or delay, not both")
    if run_at is not None:
        if not isinstance(run_at, datetime):
            raise BadOrder(f"run_at must be a datetime, not {shown(run_at)}")
        if run_at.tzinfo is None:
            raise BadOrder(f"run_at needs a time zone: {run_at.isoformat()} could be any of 24 hours")
        due = round(run_at.timestamp() * SECOND)
        check_moment("run_at", due)
    elif delay is not None:
        check_delay(delay)
        due = now + round(delay * SECOND)
    else:
        return None
    return due if due > now else None
