"""The kinds of columns that the databases store differently, and that the rooms above see alike."""

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, cast, func, type_coerce
from sqlalchemy import Text as AnyText
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BindParameter, ColumnElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import UserDefinedType

BIG = BigInteger().with_variant(Integer, "sqlite")
NARROW = {"sqlite_with_rowid": False}
# Compared and sorted by code points, as SQLite and Python do, whatever the server's language.
Text = AnyText().with_variant(AnyText(collation="C"), "postgresql")


class _JsonAsText(UserDefinedType[str]):
    """Stored as JSON, which keeps the text as it is where JSONB writes numbers and orders keys anew; goes in and comes
    out as compact text."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "JSON"

    def bind_expression(self, bindvalue: BindParameter[str]) -> ColumnElement[str]:
        return cast(bindvalue, JSON)

    def column_expression(self, column: ColumnElement[str]) -> ColumnElement[str]:
        return type_coerce(cast(column, AnyText), self)

    def result_processor(self, _dialect: Dialect, _coltype: object) -> Callable[[Any], str | None]:
        return _compact


def _compact(text: str | None) -> str | None:
    return None if text is None else json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))


Json = AnyText().with_variant(_JsonAsText(), "postgresql")


class compact(FunctionElement[str]):  # noqa: N801 - it reads as a function of SQL
    """A text to look for in stored JSON, or that JSON, without the spaces that JSONB, in which it once was, put behind
    commas and colons."""

    type = AnyText()
    inherit_cache = True


@compiles(compact)
def _as_it_is(element: compact, compiler: SQLCompiler, **kw: Any) -> str:
    return str(compiler.process(element.clauses, **kw))


@compiles(compact, "postgresql")
def _without_spaces(element: compact, compiler: SQLCompiler, **kw: Any) -> str:
    (text,) = element.clauses
    # Not one regular expression: it takes ten times as long.
    stripped = func.replace(func.replace(cast(text, AnyText), ": ", ":"), ", ", ",")
    return str(compiler.process(stripped, **kw))
