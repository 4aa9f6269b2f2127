"""Declaring statements in SQLAlchemy Core, with their parameters in the order in which callers pass them.

Core's executemany with dictionaries costs three times the driver's own; what is lost by going past it (type
conversion) is not needed, because every stored value is an integer, a float or text.
"""

from dataclasses import dataclass

from sqlalchemy import Integer, Table, bindparam, delete, insert, literal_column
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import ClauseElement, ColumnElement

from pqkit.sql.text import Statement, Text, Values

SQLITE = sqlite.dialect(paramstyle="qmark")
POSTGRESQL = postgresql.dialect(paramstyle="format")  # type: ignore[no-untyped-call]


@dataclass(frozen=True, eq=False)
class Declared:
    """``core`` with its parameters in the order in which callers pass them."""

    core: ClauseElement
    params: tuple[str, ...] = ()
    columns: tuple[str, ...] | None = None

    def compile(self) -> Statement:
        """The texts for both databases. Raises TypeError where ``params`` is not what the statement takes."""
        return Statement(*(Text(*self.written(dialect)) for dialect in (SQLITE, POSTGRESQL)))

    def written(self, dialect: Dialect) -> tuple[str, tuple[int, ...] | None, Values]:
        """(text, order, fixed values) as ``Text`` takes them."""
        compiled = self.core.compile(dialect=dialect, column_keys=self.columns)
        places: list[str] = compiled.positiontup or []  # type: ignore[attr-defined]
        if tuple(places) == self.params:
            return str(compiled), None, ()
        constants = {name: value for name, value in compiled.params.items() if name not in self.params}
        if set(self.params) - set(places) or None in constants.values():
            raise TypeError(f"the statement takes {places}, its declaration says {self.params}: {compiled}")
        names = (*self.params, *constants)
        return str(compiled), tuple(names.index(name) for name in places), tuple(constants.values())


def insert_row(table: Table, *columns: str) -> Declared:
    """Insert one row; the parameters are the columns, in the order given."""
    return Declared(insert(table), columns, columns)


def delete_by(table: Table, *columns: str) -> Declared:
    """Delete the rows where each column equals its parameter."""
    return Declared(delete(table).where(*equal(table, *columns)), tuple(f"the_{name}" for name in columns))


def equal(table: Table, *columns: str) -> list[ColumnElement[bool]]:
    """``column = :the_column`` for each; a bare column name would clash with an UPDATE's own parameters."""
    return [table.c[name] == bindparam(f"the_{name}") for name in columns]


def up_to(parameter: str) -> ColumnElement[int]:
    """A parameter as a LIMIT. SQLite plans a statement anew at each run whose limit is a bare parameter, which costs
    more than to run it."""
    return bindparam(parameter, type_=Integer) + literal_column("0")
