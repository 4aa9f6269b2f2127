"""Groups errors that differ only in details such as numbers or paths, under one pattern."""

import re

GAP = "…"
FAILING = frozenset({"failed", "timed_out", "crashed"})
"""The outcomes whose errors are grouped."""
MAX_CHARS = 160
MAX_READ = 400
_PARTICULARS = re.compile(
    r"""
    '[^']*' | "[^"]*" | `[^`]*`                              # what is quoted
    | [\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{1,64}               # an e-mail address
    | \b[a-z][a-z0-9+.-]{0,30}://\S+                         # an address of the web
    | (?:[\w.~-]{0,64}/){1,32}[\w.~-]+                       # a path
    | \b[0-9a-fA-F]{8,}\b | \b[0-9a-fA-F-]{32,64}\b          # a digest, a UUID
    | [\w-]{0,64}\d[\w.,:-]*                                # a number, and what it is part of
    | [\x00-\x08\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]+  # what nobody sees
    """,
    re.VERBOSE,
)


def pattern(summary: str | None) -> str:
    """Replace the details of a one-line error (``ValueError: row 17 of a/b``) by gaps (…).

    Errors of one task with the same pattern form one group.
    """
    kind, colon, message = (summary or "unknown")[:MAX_READ].partition(": ")
    if not colon:
        kind, message = "", kind
    gaps = _PARTICULARS.sub(GAP, message)
    gaps = re.sub(rf"{GAP}(?:[\s,;:.]*{GAP})+", GAP, gaps)
    return f"{kind}{colon}{gaps}"[:MAX_CHARS]


def fits(text: str, wanted: str) -> bool:
    """True if the text contains the pattern's parts in order, ignoring case."""
    place, low = 0, text.lower()
    for part in wanted.lower().split(GAP):
        place = low.find(part, place)
        if place < 0:
            return False
        place += len(part)
    return True
