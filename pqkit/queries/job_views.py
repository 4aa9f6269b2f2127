"""Reads jobs: a page of them, their ids, all details of one."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Executable, Table, and_, func, select

from pqkit.db import Database
from pqkit.domain.states import NEVER, JobState
from pqkit.errors import NotFound
from pqkit.models import job_state
from pqkit.queries.job_filter import ALL, Filter
from pqkit.queries.keyset_pagination import Found, Key, Page, find
from pqkit.redaction.excerpt import excerpt
from pqkit.redaction.redact import redact, redacted
from pqkit.security import encryption
from pqkit.sql.definitions.tables import ACTION, ATTEMPT, JOB, LOG, PROGRESS, REFUSAL, WORKER

SHORT_ERROR, READ_ERROR = 200, 1_000
CHUNK = 500  # bound parameters in one statement


class JobView(NamedTuple):
    """One job in a list.

    ``worker`` is the one that holds it or ran it last; ``error`` is its last error in one line.
    """

    id: int
    queue: str
    task: str
    state: JobState
    priority: int
    attempt: int
    retries: int
    crashes: int
    max_retries: int
    args: str
    created_at: int
    due_at: int | None
    claimed_at: int | None
    finished_at: int | None
    worker: str | None
    cancel_requested_at: int | None
    assigned_to: str | None
    error: str | None
    key: Key


class AttemptView(NamedTuple):
    """An ended run; ``outcome`` is the word of its history, ``error`` the traceback or None."""

    attempt: int
    worker: str | None
    claimed_at: int
    started_at: int | None
    ended_at: int
    outcome: str
    error: str | None


class LineView(NamedTuple):
    """A line that the handler logged with the job."""

    attempt: int
    at: int
    line: str


class ProgressView(NamedTuple):
    """The last progress that a run reported; ``fraction`` is 0 to 1."""

    attempt: int
    at: int
    fraction: float
    note: str


class ActionView(NamedTuple):
    """An operator's action on the job; ``detail`` is a JSON object."""

    at: int
    who: str
    verb: str
    reason: str | None
    detail: str


class RefusedFinish(NamedTuple):
    """A finish that arrived after its worker had lost the job, and that changed nothing."""

    at: int
    attempt: int
    worker: str | None
    outcome: str


class JobDetail(NamedTuple):
    """All details of one job, oldest first.

    ``result`` and ``backoff`` are JSON, ``timeout`` is in seconds.
    """

    job: JobView
    backoff: str | None
    timeout: float | None
    unique_key: str | None
    result: str | None
    progress: ProgressView | None
    attempts: list[AttemptView]
    lines: list[LineView]
    actions: list[ActionView]
    refusals: list[RefusedFinish]

    @property
    def late_cancel(self) -> bool:
        """True if the last run was asked to cancel, but ended by itself before it noticed."""
        if not self.job.state.final or self.job.state is JobState.CANCELED or not self.attempts:
            return False
        began, ended = self.attempts[-1].claimed_at, self.attempts[-1].ended_at
        return any(act.verb == "cancel" and began <= act.at <= ended for act in self.actions)


class Told(NamedTuple):
    """Functions that prepare stored text and stored JSON for display."""

    text: Callable[[str], str]
    json: Callable[[str], str]


PUBLIC = Told(lambda text: redact(encryption.shown(text)), lambda text: redacted(encryption.shown_json(text)))
"""Hides encrypted values and secrets: for every user who may look."""
LISTED = Told(PUBLIC.text, lambda text: excerpt(encryption.shown_json(text)))
"""The same, but cuts long JSON: the cost of a list must not depend on argument length."""
RAW = Told(encryption.shown, encryption.shown_json)
"""Hides encrypted values only: for users with the right ``read_secrets``."""
REVEALED = Told(encryption.reveal, encryption.reveal)
"""Shows everything, with the keys at hand."""


def jobs(
    database: Database,
    filter: Filter = ALL,  # noqa: A002 - it reads best at the call
    *,
    limit: int = 50,
    before: Key | None = None,
    oldest: bool = False,
    told: Told = PUBLIC,
) -> list[JobView]:
    """Return a page of jobs, newest first, or ``oldest`` first.

    ``before`` is the ``key`` of the last job of the page before. Secrets are hidden unless ``told`` says otherwise.

    Without states, the order is that of ids. With states, the page goes place by place (processing, pending, delayed,
    ended), down the index of each: pending jobs by queue and priority, delayed ones by due time, ended ones by end
    time. Only this order makes the first page as fast with a million jobs as with ten.
    """
    with database.look() as connection:
        return views_of(connection, find(connection, filter, database.now(), Page(limit, before, oldest)).found, told)


def ids(database: Database, filter: Filter, limit: int) -> list[int]:  # noqa: A002 - see jobs
    """Return the ids of at most ``limit`` jobs, in the order of ``jobs``."""
    with database.look() as connection:
        return [found.id for found in find(connection, filter, database.now(), Page(limit)).found]


def listed(database: Database, job_ids: Sequence[int]) -> list[JobView]:
    """Return these jobs, in this order; missing jobs are left out, long arguments are cut."""
    with database.look() as connection:
        return views_of(connection, [Found(job_id, Key(None, (job_id,))) for job_id in job_ids], LISTED)


def ids_among(database: Database, job_ids: Sequence[int]) -> list[int]:
    """Return those of these ids that belong to a job."""
    found: list[int] = []
    with database.look() as connection:
        for start in range(0, len(job_ids), CHUNK):
            known = select(JOB.c.id).where(JOB.c.id.in_(job_ids[start : start + CHUNK]))
            found += connection.scalars(known)
    return found


def tally(database: Database, job_ids: Sequence[int]) -> dict[JobState, int]:
    """Count these jobs by state; states without jobs and missing jobs are left out."""
    found: Counter[JobState] = Counter()
    with database.look() as connection:
        for start in range(0, len(job_ids), CHUNK):
            chunk = job_ids[start : start + CHUNK]
            states = (
                select(job_state.c.state, func.count()).where(job_state.c.id.in_(chunk)).group_by(job_state.c.state)
            )
            found.update({JobState(state): count for state, count in connection.execute(states)})
    return {state: found[state] for state in JobState if state in found}


def arguments_of(database: Database, task: str) -> list[str]:
    """Return the stored arguments of every job of a task, secrets included, as JSON texts.

    It is for the task's own program, and reads every job. Raises KeyMissing.
    """
    with database.look() as connection:
        found = connection.scalars(select(JOB.c.args).where(JOB.c.task == task))
        return [encryption.reveal(text) for text in found]


def as_stored(database: Database, job_id: int) -> str:
    """Return a job's arguments as its worker gets them: to run its handler, never to show."""
    with database.look() as connection:
        return str(connection.scalars(select(job_state.c.args).where(job_state.c.id == job_id)).one())


def is_encrypted(view: JobView) -> bool:
    """True if the arguments of that job are stored encrypted."""
    return view.args.startswith(encryption.SHOWN)


def job(database: Database, job_id: int, *, decrypt: bool = False, told: Told = PUBLIC) -> JobDetail:
    """Return all details of one job, without secrets; ``decrypt`` shows everything.

    Of encrypted values it shows only the key's id. Raises NotFound if no job has that id, KeyMissing for a key that is
    not at hand.
    """
    told = REVEALED if decrypt else told
    said, said_json = told
    with database.look() as connection:
        views = views_of(connection, [Found(job_id, Key(None, (job_id,)))], told)
        if not views:
            raise NotFound(f"there is no job {job_id}")
        rest = (job_state.c.backoff, job_state.c.timeout, job_state.c.unique_key, job_state.c.result)
        backoff, timeout, unique_key, result = connection.execute(select(*rest).where(job_state.c.id == job_id)).one()
        progress = connection.execute(_about(PROGRESS, ProgressView._fields, job_id)).one_or_none()
        return JobDetail(
            views[0],
            backoff,
            timeout,
            unique_key and said(unique_key),
            result and said_json(result),
            ProgressView._make((*progress[:-1], said(progress[-1]))) if progress else None,
            [_attempt(run, said) for run in connection.execute(_attempts(job_id))],
            [
                LineView._make((*line[:-1], said(line[-1])))
                for line in connection.execute(_about(LOG, LineView._fields, job_id, LOG.c.at))
            ],
            [_action(row, told) for row in connection.execute(_about(ACTION, ActionView._fields, job_id))],
            [RefusedFinish._make(row) for row in connection.execute(_refusals(job_id))],
        )


def _action(row: Sequence[Any], told: Told) -> ActionView:
    action = ActionView._make(row)
    return action._replace(reason=action.reason and told.text(action.reason), detail=told.json(action.detail))


def _attempt(row: Sequence[Any], said: Callable[[str], str]) -> AttemptView:
    run = AttemptView._make(row)
    return run._replace(error=run.error and said(run.error))


def views_of(connection: Connection, found: Sequence[Found], told: Told = PUBLIC) -> list[JobView]:
    """Return these jobs, in this order, without missing ones."""
    rows = {row.id: row for row in connection.execute(view_statement([job.id for job in found]))}
    return [_view(tuple(rows[job.id]), job.key, told) for job in found if job.id in rows]


_stated = [job_state.c[name] for name in JobView._fields if name not in {"worker", "key"}]
_worker_place = JobView._fields.index("worker")


def view_statement(job_ids: Sequence[int]) -> Executable:
    """Select the columns of ``JobView`` for these jobs, in its order."""
    last_run = and_(ATTEMPT.c.job_id == job_state.c.id, ATTEMPT.c.attempt == job_state.c.attempt)
    holder = func.coalesce(job_state.c.worker_id, ATTEMPT.c.worker_id)
    columns = [*_stated[:_worker_place], WORKER.c.name, *_stated[_worker_place:]]
    source = job_state.outerjoin(ATTEMPT, last_run).outerjoin(WORKER, WORKER.c.id == holder)
    return select(*columns).select_from(source).where(job_state.c.id.in_(job_ids))


def _about(about: Table, columns: Sequence[str], job_id: int, *order: ColumnElement[int]) -> Executable:
    asked = select(*(about.c[name] for name in columns)).where(about.c.job_id == job_id)
    return asked.order_by(*order, *about.primary_key)


def _refusals(job_id: int) -> Executable:
    source = REFUSAL.outerjoin(WORKER, WORKER.c.id == REFUSAL.c.worker_id)
    columns = (REFUSAL.c.at, REFUSAL.c.attempt, WORKER.c.name, REFUSAL.c.outcome)
    return select(*columns).select_from(source).where(REFUSAL.c.job_id == job_id).order_by(REFUSAL.c.id)


def _view(row: tuple[object, ...], key: Key, told: Told) -> JobView:
    view = JobView._make((*row, key))
    if view.due_at == NEVER:  # it waits for other jobs
        view = view._replace(due_at=None)
    # The count includes the last failure, for which no retry was left.
    view = view._replace(retries=min(view.retries, view.max_retries))
    return view._replace(state=JobState(view.state), error=_short(view.error, told), args=told.json(view.args))


def _short(error: str | None, told: Told) -> str | None:
    if error is None:
        return None
    line = told.text(" ".join(error.split())[:READ_ERROR]) if not encryption.is_sealed(error) else told.text(error)
    line = " ".join(line.split())
    return line if len(line) <= SHORT_ERROR else f"{line[: SHORT_ERROR - 1]}…"


def _attempts(job_id: int) -> Executable:
    columns = [ATTEMPT.c[name] for name in AttemptView._fields if name != "worker"]
    source = ATTEMPT.outerjoin(WORKER, WORKER.c.id == ATTEMPT.c.worker_id)
    columns.insert(AttemptView._fields.index("worker"), WORKER.c.name)
    return select(*columns).select_from(source).where(ATTEMPT.c.job_id == job_id).order_by(ATTEMPT.c.attempt)
