"""Errors that differ only in numbers, names and places have one fingerprint, by which they are grouped."""

import re

HOLE = "…"
LONGEST = 160
_VARYING = re.compile(
    r"0x[0-9a-fA-F]+|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}|'[^']*'|\"[^\"]*\"|(?<![\w.])[\w.-]*[/\\][\w./\\-]*|\d+(?:\.\d+)*"
)


def fingerprint(error: str) -> str:
    """The last line of an error, with a hole for each number, address, path and quoted text."""
    lines = error.strip().splitlines()
    last = lines[-1].strip() if lines else ""
    found = _VARYING.sub(HOLE, last[: 4 * LONGEST])
    return re.sub(rf"{HOLE}(?:\s*{HOLE})+", HOLE, found)[:LONGEST]
