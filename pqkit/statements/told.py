"""Forgetting recorded events."""

from sqlalchemy import bindparam, delete, select

from pqkit.statements.declare import Declared, up_to
from pqkit.statements.tables import EVENT

_first = select(EVENT.c.id).order_by(EVENT.c.tx, EVENT.c.id).limit(up_to("most")).scalar_subquery()
FORGET_EVENTS = Declared(
    delete(EVENT).where(EVENT.c.id.in_(_first), EVENT.c.at < bindparam("before")), ("most", "before")
)
