"""Formats a statement as a ``.sql`` file has it: one clause or condition a line, indented."""

import re
from collections.abc import Iterator

WIDTH = 110
_CLAUSES = (
    r"WITH RECURSIVE|WITH|SELECT DISTINCT|SELECT|INSERT INTO|UPDATE|DELETE FROM|FROM|LEFT OUTER JOIN|JOIN|WHERE|"
    r"GROUP BY|ORDER BY|LIMIT|VALUES|SET|RETURNING|ON CONFLICT|FOR UPDATE|FOR KEY SHARE|UNION ALL|UNION"
)
_BREAKS = re.compile(rf"(?<= )(?:(?P<clause>(?:{_CLAUSES})\b)|(?P<and>AND\b)|(?P<between>BETWEEN\b))")
_CUTS = re.compile(r", | (?=(?:AND|OR|WHEN|ELSE) )")
_SUBQUERY, _BRACKET = re.compile(r"\((?=(?:SELECT|WITH|INSERT INTO|UPDATE|DELETE FROM) )"), re.compile(r"[()]")
_INDENT = "    "


def lay_out(text: str) -> str:
    """The one-line statement ``text`` with line breaks and indents added, otherwise unchanged."""
    return "\n".join(line for part in _parts(text) for line in _lines(part))


def _parts(text: str) -> Iterator[str]:
    """The clauses and conditions of the outermost query."""
    start = 0
    for place in _places(text):
        yield text[start:place].strip()
        start = place
    yield text[start:].strip()


def _places(text: str) -> Iterator[int]:
    depth_at, where, between = _depths(text), False, False
    for found in _BREAKS.finditer(text):
        if depth_at[found.start()]:
            continue
        if found["between"]:
            between = True
        elif found["and"]:
            if where and not between:
                yield found.start()
            between = False
        elif not text[: found.start()].endswith(("DO ", "DO UPDATE ")):
            where = found["clause"] == "WHERE"
            yield found.start()


def _depths(text: str) -> list[int]:
    """The number of open brackets and CASE expressions at each character."""
    depths, depth, last = [0] * len(text), 0, 0
    for found in re.finditer(r"\(|\)|\bCASE\b|\bEND\b", text):
        depths[last : found.start()] = [depth] * (found.start() - last)
        depth += 1 if found[0] in {"(", "CASE"} else -1
        last = found.start()
    return depths


def _lines(part: str) -> Iterator[str]:
    """The lines of one clause; conditions, wrapped lines and subqueries are indented more."""
    indent = _INDENT if part.startswith("AND ") else ""
    opens = _SUBQUERY.search(part)
    if opens is None:
        yield from _wrapped(indent + part, indent)
        return
    end = _end_of(part, opens.end())
    yield from _wrapped(indent + part[: opens.end()], indent)
    yield from (indent + _INDENT + line for line in lay_out(part[opens.end() : end]).splitlines())
    rest = list(_lines(part[end:]))
    yield from (indent + line for line in rest)


def _end_of(text: str, start: int) -> int:
    depth = 1
    for found in _BRACKET.finditer(text, start):
        depth += 1 if found[0] == "(" else -1
        if depth == 0:
            return found.start()
    raise ValueError(f"a bracket stays open in {text}")


def _wrapped(line: str, indent: str) -> Iterator[str]:
    """``line`` wrapped after commas and before conditions; later pieces are indented more."""
    deeper = indent + _INDENT
    while len(line) > WIDTH:
        places = [found.end() for found in _CUTS.finditer(line) if found.end() > len(deeper)]
        if not places:
            break
        place = max((place for place in places if place <= WIDTH), default=places[0])
        yield line[:place].rstrip()
        line = deeper + line[place:]
    yield line
