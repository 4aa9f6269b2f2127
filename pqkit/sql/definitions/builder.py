"""Declares statements in SQLAlchemy Core, with parameters in the order of the callers.

Core's executemany with dictionaries costs three times the driver's own. The type conversion that is lost is not needed,
because every stored value is an integer, a float or text.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlalchemy import (
    BigInteger,
    Integer,
    Table,
    any_,
    bindparam,
    cast,
    column,
    delete,
    extract,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import ClauseElement, ColumnElement, Grouping
from sqlalchemy.sql.selectable import TableValuedAlias

from pqkit.sql.definitions.sql_layout import lay_out
from pqkit.sql.statement import Statement, Text, Values

SQLITE = sqlite.dialect(paramstyle="qmark")
POSTGRESQL = postgresql.dialect(paramstyle="format")  # type: ignore[no-untyped-call]


@dataclass(frozen=True, eq=False)
class Declared:
    """``core`` with its parameters in the order in which callers pass them.

    ``postgresql`` is set if PostgreSQL needs a statement of its own, and ``many`` if it can take all rows at once: then
    the parameters are arrays, one for each column, except the first ``alike``.
    """

    core: ClauseElement
    params: tuple[str, ...] = ()
    columns: tuple[str, ...] | None = None
    postgresql: ClauseElement | None = None
    many: ClauseElement | None = None
    alike: int = 0

    def compile(self) -> Statement:
        """The texts for both databases. Raises TypeError if ``params`` does not fit the statement."""
        sqlite, postgresql, *many = (Text(*written) for written in self.texts())
        return Statement(sqlite, postgresql, many[0] if many else None, self.alike)

    def texts(self) -> "list[Written]":
        """The parts of a ``Statement``: texts for SQLite, for PostgreSQL, and for many rows there."""
        forms = [(self.core, SQLITE), (self.core if self.postgresql is None else self.postgresql, POSTGRESQL)]
        if self.many is not None:
            forms.append((self.many, POSTGRESQL))
        return [write_out(*form, self.params, self.columns) for form in forms]


def write_out(
    core: ClauseElement, dialect: Dialect, params: tuple[str, ...], columns: tuple[str, ...] | None = None
) -> "Written":
    """The text of a statement with values in the order of ``params``.

    Raises TypeError if the statement takes other parameters.
    """
    compiled = core.compile(dialect=dialect, column_keys=columns)
    places: list[str] = compiled.positiontup or []  # type: ignore[attr-defined]
    text = lay_out(" ".join(str(compiled).split())) + "\n"
    if tuple(places) == params:
        return text, None, ()
    constants = {name: value for name, value in compiled.params.items() if name not in params}
    if set(params) - set(places) or None in constants.values():
        raise TypeError(f"the statement takes {places}, its declaration says {params}: {compiled}")
    names = (*params, *constants)
    return text, tuple(names.index(name) for name in places), tuple(constants.values())


Written = tuple[str, tuple[int, ...] | None, Values]
"""(text, order, fixed values) as ``Text`` takes them."""


@dataclass(frozen=True, eq=False)
class OnPostgresql:
    """A statement without a counterpart on SQLite; ``core`` and ``params`` as in ``Declared``."""

    core: ClauseElement
    params: tuple[str, ...]

    def compile(self) -> Text:
        """The text for PostgreSQL. Raises TypeError if ``params`` does not fit the statement."""
        return Text(*self.written())

    def written(self) -> Written:
        """The parts of a ``Text``."""
        return write_out(self.core, POSTGRESQL, self.params)


def by_lease_clock(form: Callable[[ColumnElement[int]], ClauseElement], *params: str) -> Declared:
    """``form`` of the lease clock reading ``clock``; if NULL, the server reads its own clock."""
    reading = bindparam("clock", type_=BigInteger)
    own = cast(extract("epoch", func.clock_timestamp()) * literal_column("1000000"), BigInteger)
    return Declared(form(reading), params, postgresql=form(func.coalesce(reading, own)))


def insert_row(table: Table, *columns: str, unless_there: bool = False, **always: str) -> Declared:
    """Insert one row; ``columns`` are the parameters, in that order.

    ``always`` has fixed texts for other columns. ``unless_there`` keeps an existing row that has one of the keys; it is
    not in the number of rows changed.
    """
    words: dict[str, ColumnElement[str]] = {name: literal_column(f"'{word}'") for name, word in always.items()}
    one, many = insert(table).values(words) if words else insert(table), insert(table)
    many = many.from_select([*columns, *words], select(rows_of(table, columns)).add_columns(*words.values()))
    if unless_there:
        one, many = one.on_conflict_do_nothing(), many.on_conflict_do_nothing()
    return Declared(one.inline(), columns, columns, many=many)


def delete_by(table: Table, *columns: str, alike: int = 0) -> Declared:
    """Delete the rows where each column equals its parameter.

    If only one column follows the first ``alike`` ones, rows that share those can be deleted at once.
    """
    one = Declared(delete(table).where(*equal(table, *columns)), tuple(f"the_{name}" for name in columns))
    if alike + 1 < len(columns):
        return one
    return replace(one, many=delete(table).where(*found_by(table, *columns)), alike=alike)


def found_by(table: Table, *columns: str) -> list[ColumnElement[bool]]:
    """Conditions that find rows by index: the last column is in a sorted array, others equal.

    A join with the arrays may be planned while the table is empty, and later scan all of it for each row.
    """
    *same, name = columns
    key, keys = table.c[name], bindparam(f"the_{name}", type_=ARRAY(table.c[name].type))
    # With leading equality columns PostgreSQL may scan the whole prefix; bounds on the last column limit the scan.
    ends = [key >= Grouping(keys)[1], key <= Grouping(keys)[func.cardinality(keys)]] if same else []
    return [*equal(table, *same), key == any_(keys), *ends]


def delete_by_key(table: Table, key: str, *others: str) -> Declared:
    """``delete_by`` for columns of which the first is a key by itself.

    Many rows come in its order: they are found by it, and their other values in the arrays by binary search.
    """
    arrays = {name: bindparam(f"the_{name}", type_=ARRAY(table.c[name].type)) for name in (key, *others)}
    place = func.width_bucket(table.c[key], arrays[key])
    same = (table.c[name] == Grouping(arrays[name])[place] for name in others)
    return replace(delete_by(table, key, *others), many=delete(table).where(*found_by(table, key), *same))


def rows_of(table: Table, columns: tuple[str, ...], prefix: str = "") -> TableValuedAlias:
    """The rows made of one array for each column."""
    arrays = (bindparam(prefix + name, type_=ARRAY(table.c[name].type)) for name in columns)
    named = (column(name, table.c[name].type) for name in columns)
    return func.unnest(*arrays).table_valued(*named).render_derived(name="rows")


def equal(table: Table, *columns: str) -> list[ColumnElement[bool]]:
    """``column = :the_column`` for each; a bare name would clash with an UPDATE's parameters."""
    return [table.c[name] == bindparam(f"the_{name}") for name in columns]


def up_to(parameter: str) -> ColumnElement[int]:
    """A parameter as a LIMIT.

    If the limit is a bare parameter, SQLite plans the statement again at each run, which costs more than the run.
    """
    return bindparam(parameter, type_=Integer) + literal_column("0")
