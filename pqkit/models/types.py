"""Column types that the databases store differently and that look the same to callers."""

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, cast, type_coerce
from sqlalchemy import Text as AnyText
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.sql.elements import BindParameter, ColumnElement
from sqlalchemy.types import UserDefinedType

BIG = BigInteger().with_variant(Integer, "sqlite")
NARROW = {"sqlite_with_rowid": False}
# Compared and sorted by code points, as SQLite and Python do, whatever the server's locale.
Text = AnyText().with_variant(AnyText(collation="C"), "postgresql")


class _JsonAsText(UserDefinedType[str]):
    """Compact JSON text, stored as JSON: JSONB would rewrite numbers and reorder keys."""

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
