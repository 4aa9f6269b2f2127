"""The outcome of an attempt: the executor decides it as a value, and the queue writes it."""

import json
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

from pqkit.domain.payload import clean_text, encode_result
from pqkit.domain.retry_policy import DEFAULT_BACKOFF, check_delay, delay_before
from pqkit.domain.states import JobState
from pqkit.errors import LockTimeout

MAX_SUMMARY_CHARS = 200
MAX_MESSAGE_CHARS = 10_000
# Seconds to wait after the attempt could not get the write lock.
AFTER_LOCK = 1.0


class Retry(Exception):
    """Raised by a handler: fail; run again after ``after`` s (default: the job's backoff)."""

    def __init__(self, message: str = "the handler asked for a retry", *, after: float | None = None) -> None:
        if after is not None:
            check_delay(after)
        super().__init__(message)
        self.after = after


class Snooze(Exception):
    """Raised by a handler: run again in ``seconds``; this uses up no retry."""

    def __init__(self, seconds: float, message: str = "snoozed by the handler") -> None:
        check_delay(seconds)
        super().__init__(message)
        self.seconds = seconds


class Fail(Exception):
    """Raised by a handler: a retry is useless, the job ends ``failed``."""


class Cancel(Exception):
    """Raised by a handler: the job cancels itself and ends ``canceled``."""


class TimedOut(Exception):
    """The attempt ran past its deadline."""


class Stopped(Exception):
    """The worker is stopping and the handler yielded: the job returns to its place, uncharged."""


class ChildDied(Exception):
    """The child process that ran the attempt ended without a report."""


class Claim(NamedTuple):
    """One leased attempt as the claim reads it.

    ``attempt`` counts every run and only grows: the fencing token. ``since`` is when the job became due, ``claimed_at``
    when this lease began; microseconds UTC.
    """

    queue: str
    priority: int
    job_id: int
    attempt: int
    retries: int
    crashes: int
    suspect: int
    worker_id: int
    claimed_at: int
    since: int
    task: str
    args: str
    max_retries: int
    backoff: str | None
    timeout: float | None
    unique_key: str | None
    limit_key: str | None = None


def is_private(claim: Claim) -> bool:
    """True if the arguments, and so the results, are encrypted; plain ones are an object."""
    return claim.args[:1] == '"'


# Equals ``Claim._make``, without a Python call for each: claims come hundreds at a time.
CLAIM: Callable[[Sequence[Any]], Claim] = partial(tuple.__new__, Claim)

# Slices of a claim that are whole rows of parameters, for claims that come hundreds at a time.
READY_KEY, LEASE = itemgetter(slice(0, 3)), itemgetter(slice(2, 9))
HELD, HELD_SINCE = itemgetter(2, 3, 7), itemgetter(2, 3, 7, 8)


class Outcome(NamedTuple):
    """How an attempt ended (``kind``, the word in its history) and where the job goes.

    ``delay`` is in seconds and set only where ``state`` is delayed; ``charge`` names the budget that the attempt used.
    """

    kind: str
    state: JobState
    delay: float = 0.0
    result: str | None = None
    error: str | None = None
    summary: str | None = None
    charge: str | None = None
    files: tuple[tuple[str, str], ...] = ()


PLAIN = Outcome("completed", JobState.COMPLETED)


def completed(result: Any, files: tuple[tuple[str, str], ...] = ()) -> Outcome:
    if result is None and not files:
        return PLAIN
    return Outcome("completed", JobState.COMPLETED, result=encode_result(result), files=files)


def released(summary: str = "the worker stopped") -> Outcome:
    return Outcome("released", JobState.PENDING, summary=summary)


PUT_OFF = 10.0


def put_off(why: str) -> Outcome:
    """The outcome of an attempt that could not begin, not by its handler's fault: uncharged."""
    return Outcome("snoozed", JobState.SCHEDULED, delay=PUT_OFF, summary=clean_text(why)[:MAX_SUMMARY_CHARS])


def stopped_by(error: BaseException) -> Outcome:
    """The outcome of a handler that raised because its worker was told to stop."""
    words = "the worker stopped"
    return released(words if isinstance(error, Stopped) else f"{words}: {summarize(error)}"[:MAX_SUMMARY_CHARS])


def excuse(outcome: Outcome) -> Outcome:
    """Release a job that failed as its worker was told to stop, which may be the reason."""
    return released()._replace(error=outcome.error) if outcome.charge and outcome.kind != "timed_out" else outcome


def ended_by(claim: Claim, error: BaseException, *, cancel_asked: bool = False) -> Outcome:
    """Decide what ``error`` means for the job.

    A requested cancel wins over a retry, never over a success. It raises nothing: if the error's own code raises, that
    is a failure like any other.
    """
    try:
        return _decided(claim, error, cancel_asked=cancel_asked)
    except BaseException as second:  # noqa: BLE001 - an error's own code may raise anything, even SystemExit
        plain = RuntimeError(f"the handler's error cannot be read: {summarize(second)}")
        return _failed(claim, plain, summarize(plain))


def _decided(claim: Claim, error: BaseException, *, cancel_asked: bool) -> Outcome:
    if cancel_asked and not isinstance(error, Cancel):
        return Outcome("canceled", JobState.CANCELED, error=describe(error), summary="canceled while it ran")
    summary = summarize(error)
    match error:
        case Stopped():
            outcome = released()
        case Cancel():
            outcome = Outcome("canceled", JobState.CANCELED, summary=summary)
        case Snooze():
            outcome = Outcome("snoozed", JobState.SCHEDULED, delay=_checked(error.seconds), summary=summary)
        case LockTimeout():
            outcome = Outcome("snoozed", JobState.SCHEDULED, delay=AFTER_LOCK, summary=summary)
        case Fail():
            outcome = Outcome("failed", JobState.FAILED, error=describe(error), summary=summary)
        case ChildDied():
            outcome = crashed(claim, summary)
        case _:
            outcome = _failed(claim, error, summary)
    return outcome


def _failed(claim: Claim, error: BaseException, summary: str) -> Outcome:
    kind = "timed_out" if isinstance(error, TimedOut) else "failed"
    if claim.retries >= claim.max_retries:
        return Outcome(kind, JobState.UNPROCESSABLE, error=describe(error), summary=summary, charge="retries")
    after = error.after if isinstance(error, Retry) else None
    delay = delay_before(claim.retries + 1, _backoff(claim)) if after is None else _checked(after)
    return Outcome(kind, JobState.RETRYING, delay=delay, error=describe(error), summary=summary, charge="retries")


MAX_CRASHES = 3


def crashed(claim: Claim, summary: str) -> Outcome:
    """An attempt that ended without a report: retried, or quarantined at ``MAX_CRASHES``."""
    last = claim.crashes + 1 >= MAX_CRASHES
    state = JobState.UNPROCESSABLE if last else JobState.PENDING
    return Outcome("crashed", state, error=summary, summary=f"crashed: {summary}", charge="crashes")


def summarize(error: BaseException) -> str:
    """``error`` in one line of at most 200 characters, fit for a table."""
    text = " ".join(f"{_name(error)}: {_message(error)}".split())
    return clean_text(text)[:MAX_SUMMARY_CHARS].rstrip(": ")


def describe(error: BaseException) -> str:
    """The traceback as text that every database can store."""
    try:
        return clean_text("".join(traceback.format_exception(error)))
    except BaseException:  # noqa: BLE001 - an exception whose own __str__ raises must still end its attempt
        return summarize(error)


def _message(error: BaseException) -> str:
    try:
        return _plain(str(error))[:MAX_MESSAGE_CHARS]
    except BaseException:  # noqa: BLE001 - see describe
        return "(no message)"


def _name(error: BaseException) -> str:
    try:
        return _plain(type(error).__name__)
    except BaseException:  # noqa: BLE001 - a metaclass may raise, too
        return "an error without a name"


def _plain(text: str) -> str:
    """Return the plain text of a str subclass, without calling its own methods."""
    return str.__str__(text)


def _checked(delay: float) -> float:
    """Check a delay from a handler's error; a subclass may bypass the check. Raises BadPolicy."""
    check_delay(delay)
    return float(delay)


def _backoff(claim: Claim) -> list[float] | tuple[float, ...]:
    return json.loads(claim.backoff) if claim.backoff else DEFAULT_BACKOFF
