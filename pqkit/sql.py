"""Statements as values: written in SQLAlchemy Core, compiled once for a dialect, run with tuples.

Core's executemany with dictionaries costs three times the driver's own; what is lost by going past it (type
conversion) is not needed, because every stored value is an integer, a float or text.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, bindparam, delete, insert
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import ClauseElement, ColumnElement

Values = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Statement:
    """``core`` with its parameters in the order in which callers pass them. Compared by identity."""

    core: ClauseElement
    params: tuple[str, ...] = ()
    columns: tuple[str, ...] | None = None

    def compile(self, dialect: Dialect) -> "Compiled":
        compiled = self.core.compile(dialect=dialect, column_keys=self.columns)
        places: list[str] = compiled.positiontup or []  # type: ignore[attr-defined]
        if tuple(places) == self.params:
            return Compiled(str(compiled), None)
        constants = {name: value for name, value in compiled.params.items() if name not in self.params}
        if set(self.params) - set(places) or None in constants.values():
            raise TypeError(f"the statement takes {places}, its declaration says {self.params}: {compiled}")
        names, fixed = (*self.params, *constants), tuple(constants.values())
        order = [names.index(name) for name in places]
        return Compiled(str(compiled), lambda values: tuple([(values + fixed)[at] for at in order]))


@dataclass(frozen=True, slots=True)
class Compiled:
    """SQL text in the driver's own parameter style, and how to bring the values into its order (None: as they are)."""

    text: str
    order: Callable[[Values], Values] | None

    def bind(self, values: Values) -> Values:
        return values if self.order is None else self.order(values)

    def bind_all(self, rows: Iterable[Values]) -> Iterable[Values]:
        return rows if self.order is None else map(self.order, rows)


def insert_row(table: Table, *columns: str) -> Statement:
    """Insert one row; the parameters are the columns, in the order given."""
    return Statement(insert(table), columns, columns)


def delete_by(table: Table, *columns: str) -> Statement:
    """Delete the rows where each column equals its parameter."""
    return Statement(delete(table).where(*equal(table, *columns)), tuple(f"the_{name}" for name in columns))


def equal(table: Table, *columns: str) -> list[ColumnElement[bool]]:
    """``column = :the_column`` for each; a bare column name would clash with an UPDATE's own parameters."""
    return [table.c[name] == bindparam(f"the_{name}") for name in columns]
