"""Jobs that wait for other jobs."""

from sqlalchemy import bindparam, exists, literal_column, select, update

from pqkit.sql.definitions.builder import Declared, equal, insert_row, up_to
from pqkit.sql.definitions.tables import CLOSED, DELAYED, DEPENDENCY, DEPENDENT, JOB

DEPENDENT_COLUMNS = ("job_id", "batch", "on_fail", "due_at", "passed", "created_at")
INSERT_DEPENDENT = insert_row(DEPENDENT, *DEPENDENT_COLUMNS)
INSERT_DEPENDENCY = insert_row(DEPENDENCY, "job_id", "on_job_id", unless_there=True)
_columns = [DEPENDENT.c[name] for name in DEPENDENT_COLUMNS]
_waits = DEPENDENT.c.released_at.is_(None)
# With the due time of the job: never while it waits, NULL if an operator has moved it elsewhere.
WAITING_DEPENDENTS = Declared(
    select(*_columns, DELAYED.c.due_at.label("stands"))
    .outerjoin_from(DEPENDENT, DELAYED, DELAYED.c.job_id == DEPENDENT.c.job_id)
    .where(_waits, DEPENDENT.c.job_id > bindparam("after"))
    .order_by(DEPENDENT.c.job_id)
    .limit(up_to("most")),
    ("after", "most"),
)
# The lock keeps members from being added to a batch while it is checked.
DEPENDENT_LOCKED = Declared(
    select(*_columns).where(*equal(DEPENDENT, "job_id"), _waits).with_for_update(), ("the_job_id",)
)
# The dependencies of a job in the order of ids: how each ended, NULL before its end; and whether it exists at all.
NEXT_DEPENDENCIES = Declared(
    select(DEPENDENCY.c.on_job_id, CLOSED.c.state, JOB.c.id.is_not(None).label("there"))
    .select_from(
        DEPENDENCY.outerjoin(JOB, JOB.c.id == DEPENDENCY.c.on_job_id).outerjoin(
            CLOSED, CLOSED.c.job_id == DEPENDENCY.c.on_job_id
        )
    )
    .where(*equal(DEPENDENCY, "job_id"), DEPENDENCY.c.on_job_id > bindparam("after"))
    .order_by(DEPENDENCY.c.on_job_id)
    .limit(up_to("most")),
    ("the_job_id", "after", "most"),
)
UNFINISHED_DEPENDENCIES = Declared(
    select(DEPENDENCY.c.on_job_id)
    .join_from(DEPENDENCY, JOB, JOB.c.id == DEPENDENCY.c.on_job_id)
    .where(
        *equal(DEPENDENCY, "job_id"),
        DEPENDENCY.c.on_job_id > bindparam("after"),
        ~exists().where(CLOSED.c.job_id == DEPENDENCY.c.on_job_id),
    )
    .order_by(DEPENDENCY.c.on_job_id)
    .limit(up_to("most")),
    ("the_job_id", "after", "most"),
)
# Members that failed recently, whose batch must be canceled.
FAILED_MEMBERS = Declared(
    select(DEPENDENT.c.job_id, CLOSED.c.job_id.label("member"))
    .select_from(
        CLOSED.join(DEPENDENCY, DEPENDENCY.c.on_job_id == CLOSED.c.job_id).join(
            DEPENDENT, DEPENDENT.c.job_id == DEPENDENCY.c.job_id
        )
    )
    .where(
        *equal(CLOSED, "state"),
        CLOSED.c.finished_at >= bindparam("since"),
        _waits,
        DEPENDENT.c.on_fail == literal_column("'cancel'"),
    ),
    ("the_state", "since"),
)
# The dependencies of these jobs, direct and indirect.
_reached = (
    select(DEPENDENCY.c.on_job_id.label("job_id"))
    .join_from(DEPENDENCY, DEPENDENT, DEPENDENT.c.job_id == DEPENDENCY.c.job_id)
    .where(*equal(DEPENDENCY, "job_id"), _waits)
    .cte("reached", recursive=True)
)
_reached = _reached.union(
    select(DEPENDENCY.c.on_job_id)
    .join_from(DEPENDENCY, DEPENDENT, DEPENDENT.c.job_id == DEPENDENCY.c.job_id)
    .join(_reached, _reached.c.job_id == DEPENDENCY.c.job_id)
    .where(_waits)
)
WAITS_FOR = Declared(
    select(_reached.c.job_id).where(_reached.c.job_id == bindparam("the_on_job_id")).limit(literal_column("1")),
    ("the_job_id", "the_on_job_id"),
)
SET_PASSED = Declared(
    update(DEPENDENT).where(*equal(DEPENDENT, "job_id")).values(passed=bindparam("to")), ("to", "the_job_id")
)
SET_DEPENDENT_DUE = Declared(
    update(DEPENDENT).where(*equal(DEPENDENT, "job_id"), _waits).values(due_at=bindparam("due")), ("due", "the_job_id")
)
RELEASE_DEPENDENT = Declared(
    update(DEPENDENT).where(*equal(DEPENDENT, "job_id"), _waits).values(released_at=bindparam("now")),
    ("now", "the_job_id"),
)
AWAITED = Declared(
    select(DEPENDENCY.c.job_id)
    .join_from(DEPENDENCY, DEPENDENT, DEPENDENT.c.job_id == DEPENDENCY.c.job_id)
    .where(*equal(DEPENDENCY, "on_job_id"), _waits)
    .limit(literal_column("1")),
    ("the_on_job_id",),
)
BATCH_OF = Declared(
    select(DEPENDENT.c.job_id)
    .join_from(DEPENDENCY, DEPENDENT, DEPENDENT.c.job_id == DEPENDENCY.c.job_id)
    .where(*equal(DEPENDENCY, "on_job_id"), DEPENDENT.c.batch.is_not(None))
    .limit(literal_column("1")),
    ("the_on_job_id",),
)
