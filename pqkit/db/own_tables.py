"""The queue's tables are the queue's: no ``create_all`` and no ``drop_all`` of a user's models takes them for its own.

A table that a user declares under the name of one of the queue's would be found there by ``create_all`` and taken as
made, and ``drop_all`` would drop it with every job. Both are refused, on whatever engine, before anything is written.
"""

import sys
from typing import Any

from pqkit.errors import Refused

VERSION_TABLE = "pqkit_version"
"""Where the schema's version is; an application's Alembic has ``alembic_version`` beside it."""
MARKS = frozenset({"job", "ready", "lease", "closed"})
"""Tables by which a queue is known, whatever its version."""
OURS = "pqkit_schema"
"""The execution option of a connection that may change the queue's tables."""


def guard_own_tables() -> None:
    """Have SQLAlchemy ask here before it creates or drops tables; nothing where this process has not loaded it."""
    if "sqlalchemy" not in sys.modules:
        return
    from sqlalchemy import MetaData, Table, event  # noqa: PLC0415 - it is loaded already

    for kind, refuse in ((MetaData, _refuse_tables), (Table, _refuse_table)):
        for moment in ("before_create", "before_drop"):
            if not event.contains(kind, moment, refuse):
                event.listen(kind, moment, refuse)


def _refuse_tables(metadata: Any, connection: Any, _ddl_runner: Any = None, **_: object) -> None:
    chosen = getattr(_ddl_runner, "tables", None) or metadata.tables.values()
    for table in chosen:
        _refuse_table(table, connection)


def _refuse_table(table: Any, connection: Any, **_: object) -> None:
    from sqlalchemy import Connection  # noqa: PLC0415 - see above

    if not isinstance(connection, Connection) or connection.get_execution_options().get(OURS):
        return
    if is_ours(table.name) and _holds_queue(connection, table.schema):
        raise Refused(
            f"{table.name} is a table of the queue in this database: give yours another name (__tablename__), a schema "
            "or a database of its own; nothing was changed"
        )


def is_ours(name: str) -> bool:
    """Whether a table of that name is the queue's."""
    from pqkit.models import metadata  # noqa: PLC0415 - not for processes that create no tables

    return name in metadata.tables or name == VERSION_TABLE


def _holds_queue(connection: Any, schema: str | None) -> bool:
    from sqlalchemy import inspect  # noqa: PLC0415 - see above

    there = inspect(connection)
    return all(there.has_table(name, schema=schema) for name in MARKS)
