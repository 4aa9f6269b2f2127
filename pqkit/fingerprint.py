"""Errors that are the same but for their particulars: one pattern stands for all of them."""

import re

GAP = "…"
FAILING = frozenset({"failed", "timed_out", "crashed"})
"""The outcomes whose errors are grouped."""
MAX_CHARS = 160
_PARTICULARS = re.compile(
    r"""
    '[^']*' | "[^"]*" | `[^`]*`                     # what is quoted
    | [\w.+-]+@[\w-]+\.[\w.-]+                       # an e-mail address
    | \b[a-z][a-z0-9+.-]*://\S+                      # an address of the web
    | (?:[\w.~-]*/)+[\w.~-]+                         # a path
    | \b[0-9a-fA-F]{8,}\b | \b[0-9a-fA-F-]{32,}\b    # a digest, a UUID
    | [\w-]*\d[\w.,:-]*                              # a number, and what it is part of
    """,
    re.VERBOSE,
)


def pattern(summary: str | None) -> str:
    """An error's one line, as ``ValueError: row 17 of a/b``, with a gap (…) for each of its particulars.

    Errors of one task with the same pattern are one group.
    """
    kind, colon, message = (summary or "unknown").partition(": ")
    if not colon:
        kind, message = "", kind
    gaps = _PARTICULARS.sub(GAP, message)
    gaps = re.sub(rf"{GAP}(?:[\s,;:.]*{GAP})+", GAP, gaps)
    return f"{kind}{colon}{gaps}"[:MAX_CHARS]
