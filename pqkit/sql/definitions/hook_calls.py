"""The states whose ends call hooks, and the pending hook calls."""

from sqlalchemy import BigInteger, bindparam, delete, exists, select, update
from sqlalchemy.dialects.postgresql import insert

from pqkit.sql.definitions.builder import Declared, delete_by, equal, insert_row, up_to
from pqkit.sql.definitions.tables import CLOSED, HOOK, HOOK_CALL, JOB, WORKER

HOOKED_STATES = Declared(select(HOOK.c.state))
_said = insert(HOOK).values(state=bindparam("the_state"), at=bindparam("now"))
SET_HOOK = Declared(
    _said.on_conflict_do_update(index_elements=["state"], set_={"at": _said.excluded.at}).inline(), ("the_state", "now")
)
FORGET_HOOKS = Declared(delete(HOOK).where(HOOK.c.at < bindparam("before")), ("before",))
ENDED_COLUMNS = ("job_id", "task", "queue", "attempt", "state", "error", "ended_at")
INSERT_HOOK_CALL = insert_row(HOOK_CALL, *ENDED_COLUMNS, "caller", "held_until")
ENDED_JOB = Declared(
    select(JOB.c.id, JOB.c.task, JOB.c.queue, CLOSED.c.attempt, CLOSED.c.state, CLOSED.c.error, CLOSED.c.finished_at)
    .select_from(JOB.join(CLOSED, CLOSED.c.job_id == JOB.c.id))
    .where(*equal(JOB, "id")),
    ("the_id",),
)
_ended = tuple(HOOK_CALL.c[name] for name in ENDED_COLUMNS)
HOOK_CALLS_OF = Declared(
    select(HOOK_CALL.c.id, *_ended).where(*equal(HOOK_CALL, "caller")).order_by(HOOK_CALL.c.id).limit(up_to("most")),
    ("the_caller", "most"),
)
# Calls that no living process is about to make.
_living = exists().where(WORKER.c.id == HOOK_CALL.c.caller, WORKER.c.ended_at.is_(None))
LEFT_HOOK_CALLS = Declared(
    select(HOOK_CALL.c.id, HOOK_CALL.c.caller, *_ended)
    .where(HOOK_CALL.c.id > bindparam("after"), HOOK_CALL.c.held_until <= bindparam("now"), ~_living)
    .order_by(HOOK_CALL.c.id)
    .limit(up_to("most")),
    ("after", "now", "most"),
)
TAKE_HOOK_CALL = Declared(
    update(HOOK_CALL)
    .where(*equal(HOOK_CALL, "id", "caller"), HOOK_CALL.c.held_until <= bindparam("now"))
    .values(caller=bindparam("new", type_=BigInteger), held_until=bindparam("until", type_=BigInteger)),
    ("new", "until", "the_id", "the_caller", "now"),
)
DELETE_HOOK_CALL = delete_by(HOOK_CALL, "id")
FORGET_HOOK_CALLS = Declared(delete(HOOK_CALL).where(HOOK_CALL.c.ended_at < bindparam("before")), ("before",))
