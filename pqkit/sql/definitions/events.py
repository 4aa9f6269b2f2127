"""Deletes recorded events."""

from sqlalchemy import bindparam, delete, select

from pqkit.sql.definitions.builder import Declared, up_to
from pqkit.sql.definitions.tables import EVENT

_first = select(EVENT.c.id).order_by(EVENT.c.tx, EVENT.c.id).limit(up_to("most")).scalar_subquery()
FORGET_EVENTS = Declared(
    delete(EVENT).where(EVENT.c.id.in_(_first), EVENT.c.at < bindparam("before")), ("most", "before")
)
