"""Keeps ``create_all`` and ``drop_all`` of a user's models away from the queue's tables.

If a user's table has the name of one of the queue's, ``create_all`` would find it and take it as created, and
``drop_all`` would drop it with every job. Both are refused, on any engine, before anything is written.
"""

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from typing import Any

from pqkit.errors import Refused

LIBRARY = "sqlalchemy"
VERSION_TABLE = "pqkit_version"
"""The table of the schema's version; an application's Alembic has ``alembic_version`` beside it."""
MARKS = frozenset({"job", "ready", "lease", "closed"})
"""Tables that every version of a queue has."""
OURS = "pqkit_schema"
"""The execution option of a connection that may change the queue's tables."""


def guard_own_tables() -> None:
    """Check each creation and drop of tables as soon as this process has loaded SQLAlchemy."""
    if LIBRARY in sys.modules:
        _listen()
    elif not any(isinstance(finder, _Awaited) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Awaited())


class _Awaited(MetaPathFinder):
    """Waits for the import of SQLAlchemy.

    Most processes never import it, and an application may do so after this package.
    """

    def __init__(self) -> None:
        self._searches = False

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        if name != LIBRARY or self._searches:
            return None
        self._searches = True
        try:
            spec = find_spec(name)
        finally:
            self._searches = False
        if spec is not None and spec.loader is not None:
            self._follow(spec.loader)
        return spec

    def _follow(self, loader: Any) -> None:
        load = loader.exec_module

        def load_and_listen(module: object) -> None:
            load(module)
            sys.meta_path.remove(self)
            _listen()

        loader.exec_module = load_and_listen


def _listen() -> None:
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
    moved = connection.get_execution_options().get("schema_translate_map") or {}
    if is_ours(table.name) and _holds_queue(connection, moved.get(table.schema, table.schema)):
        raise Refused(
            f"{table.name} is a table of the queue in this database: give yours another name (__tablename__), a schema "
            "or a database of its own; nothing was changed"
        )


def is_ours(name: str) -> bool:
    """True if a table of that name is the queue's."""
    from pqkit.models import metadata  # noqa: PLC0415 - not for processes that create no tables

    return name in metadata.tables or name == VERSION_TABLE


def _holds_queue(connection: Any, schema: str | None) -> bool:
    from sqlalchemy import inspect  # noqa: PLC0415 - see above

    there = inspect(connection)
    return all(there.has_table(name, schema=schema) for name in MARKS)
