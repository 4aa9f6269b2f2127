"""Redrives: freezes jobs, resubmits them in steps, and checks how they end."""

from sqlalchemy import bindparam, exists, func, literal_column, null, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from pqkit.domain.redrive_plan import Fate, RedriveState
from pqkit.domain.states import JobState
from pqkit.sql.definitions.builder import Declared, equal, insert_row, up_to
from pqkit.sql.definitions.tables import CLOSED, DELAYED, JOB, REDRIVE, REDRIVE_JOB


def _word(state: str) -> ColumnElement[str]:
    return literal_column(f"'{state}'")


REDRIVE_COLUMNS = ("at", "who", "reason", "wanted", "state", "canary", "most", "tolerance", "step", "jobs")
INSERT_REDRIVE = Declared(REDRIVE.insert().returning(REDRIVE.c.id), REDRIVE_COLUMNS, REDRIVE_COLUMNS)
FREEZE_JOB = insert_row(REDRIVE_JOB, "redrive_id", "job_id", "frozen_as", "state")
_redrive = select(
    *(REDRIVE.c[name] for name in ("id", "who", "reason", "state", "canary", "most", "tolerance", "step"))
)
running = REDRIVE.c.state == _word(RedriveState.RUNNING)
RUNNING_REDRIVES = Declared(_redrive.where(running).order_by(REDRIVE.c.id))
# The row lock keeps an undo and the next step apart on databases with concurrent writers.
LOCK_REDRIVE = Declared(_redrive.where(*equal(REDRIVE, "id")).with_for_update(), ("the_id",))
SET_REDRIVE = Declared(
    update(REDRIVE)
    .where(*equal(REDRIVE, "id"))
    .values(state=bindparam("to"), note=bindparam("because"), ended_at=bindparam("now")),
    ("to", "because", "now", "the_id"),
)
SET_STEP = Declared(update(REDRIVE).where(*equal(REDRIVE, "id")).values(step=bindparam("size")), ("size", "the_id"))
TALLY_REDRIVE = Declared(
    select(REDRIVE_JOB.c.state, func.count()).where(*equal(REDRIVE_JOB, "redrive_id")).group_by(REDRIVE_JOB.c.state),
    ("the_redrive_id",),
)
JOBS_OF_REDRIVE = Declared(
    select(REDRIVE_JOB.c.job_id, REDRIVE_JOB.c.frozen_as, REDRIVE_JOB.c.was)
    .where(*equal(REDRIVE_JOB, "redrive_id", "state"), REDRIVE_JOB.c.job_id > bindparam("after"))
    .order_by(REDRIVE_JOB.c.job_id)
    .limit(up_to("most")),
    ("the_redrive_id", "the_state", "after", "most"),
)
SET_FATE = Declared(
    update(REDRIVE_JOB)
    .where(*equal(REDRIVE_JOB, "redrive_id", "job_id"))
    .values(state=bindparam("to"), was=bindparam("as_it_was"), note=bindparam("because")),
    ("to", "as_it_was", "because", "the_redrive_id", "the_job_id"),
)
HOW_IT_ENDED = Declared(
    select(
        *(CLOSED.c[name] for name in ("state", "finished_at", "attempt", "retries", "crashes", "result", "error"))
    ).where(*equal(CLOSED, "job_id")),
    ("the_job_id",),
)
# Judges the sent jobs that have ended or retry; a job that was deleted since had ended.
_ended = exists().where(CLOSED.c.job_id == REDRIVE_JOB.c.job_id)
_badly = CLOSED.c.state.in_([_word(JobState.FAILED), _word(JobState.UNPROCESSABLE)])
_retries = exists().where(DELAYED.c.job_id == REDRIVE_JOB.c.job_id, DELAYED.c.state == _word(JobState.RETRYING))
_deleted = ~exists().where(JOB.c.id == REDRIVE_JOB.c.job_id)


def _judge(fate: Fate, *signs: ColumnElement[bool]) -> Declared:
    sent = (*equal(REDRIVE_JOB, "redrive_id"), REDRIVE_JOB.c.state == _word(Fate.SENT))
    judged = update(REDRIVE_JOB).where(*sent, or_(*signs)).values(state=_word(fate), was=null())
    return Declared(judged, ("the_redrive_id",))


JUDGE_AGAIN = _judge(Fate.AGAIN, _ended.where(_badly), _retries)
JUDGE_WELL = _judge(Fate.WELL, _ended.where(~_badly), _deleted)
