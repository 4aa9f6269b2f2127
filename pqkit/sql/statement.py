"""SQL texts in a driver's own parameter style, and the order of their values."""

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any

Values = tuple[Any, ...]


class Text:
    """One SQL text and the order of its values.

    ``order`` has, for each parameter, the index of its value among those passed followed by the ``fixed`` ones. None
    means as passed; then ``is_in_order`` is true, and a caller can skip ``bind``.
    """

    __slots__ = ("_fixed", "_pick", "is_in_order", "text")

    def __init__(self, text: str, order: tuple[int, ...] | None = None, fixed: Values = ()) -> None:
        self.text, self._fixed = text, fixed
        self._pick: Callable[[Values], Values] | None = itemgetter(*order, order[0]) if order else None
        self.is_in_order = self._pick is None

    def bind(self, values: Values) -> Values:
        return values if self._pick is None else self._pick(values + self._fixed)[:-1]

    def bind_all(self, rows: Iterable[Values]) -> Iterable[Values]:
        return rows if self._pick is None else map(self.bind, rows)


class Statement:
    """One statement, with a text for each database; compared by identity.

    ``many`` takes all rows at once, as an array for each column; None if PostgreSQL runs the statement row by row. The
    first ``alike`` columns are single values instead, which all rows share.
    """

    __slots__ = ("alike", "many", "postgresql", "sqlite")

    def __init__(self, sqlite: Text, postgresql: Text, many: Text | None = None, alike: int = 0) -> None:
        self.sqlite, self.postgresql, self.many, self.alike = sqlite, postgresql, many, alike
