"""The query that maintenance runs several times a second: is there anything to do?"""

from sqlalchemy import exists, func, select

from pqkit.sql.definitions.builder import Declared
from pqkit.sql.definitions.maintenance import next_due
from pqkit.sql.definitions.redrives import running
from pqkit.sql.definitions.schedules import next_tick
from pqkit.sql.definitions.tables import ACTION, DEPENDENT, INTENT, REDRIVE

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
