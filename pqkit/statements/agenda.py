"""What maintenance asks several times a second: whether there is anything to do."""

from sqlalchemy import exists, func, select

from pqkit.statements.declare import Declared
from pqkit.statements.redrive import running
from pqkit.statements.schedules import next_tick
from pqkit.statements.tables import ACTION, DEPENDENT, INTENT, REDRIVE
from pqkit.statements.upkeep import next_due

AGENDA = Declared(
    select(
        next_due.scalar_subquery(),
        next_tick.scalar_subquery(),
        exists(select(DEPENDENT.c.job_id)),
        exists(select(INTENT.c.job_id)),
        exists(select(REDRIVE.c.id).where(running)),
        func.coalesce(select(func.max(ACTION.c.id)).scalar_subquery(), 0),
    )
)
