"""Rate limit for the logs of the consoles' libraries: requests must not fill the disk."""

import logging
import threading

from pqkit.log import escape, escape_lines
from pqkit.redaction.redact import redact

from .rate_limit import Throttle

LINES, SECONDS = 20, 60.0
"""Maximum lines of one logger and level in any such period."""
MOST_CHARS = 2_000
"""Of a line and of its traceback; the library would log whole messages."""
FORMAT = logging.Formatter()
LOGGERS = ("", "bokeh", "panel", "tornado")


class Limit(logging.Filter):
    """Pass at most ``LINES`` lines per period; the next line says how many were dropped."""

    def __init__(self) -> None:
        super().__init__()
        self._throttles: dict[tuple[str, int], Throttle] = {}
        self._left_out: dict[tuple[str, int], int] = {}
        self._mutex = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        kind = record.name, record.levelno
        with self._mutex:
            if self._throttles.setdefault(kind, Throttle(LINES, SECONDS)).wait():
                self._left_out[kind] = self._left_out.get(kind, 0) + 1
                return False
            left_out = self._left_out.pop(kind, 0)
        said = escape(redact(record.getMessage()[:MOST_CHARS]))
        record.msg, record.args = f"{said} ({left_out} more such lines were left out)" if left_out else said, ()
        if record.exc_info:
            record.exc_text = _traceback(FORMAT.formatException(record.exc_info))
        return True


def _traceback(text: str) -> str:
    """The end of a traceback, which names the error; indented, so no line looks like a log line."""
    return "\n".join(f"  {line}" for line in escape_lines(redact(text[-MOST_CHARS:])).splitlines())


def limit_log() -> None:
    """Add the limit to the handlers that these libraries log with in this process."""
    limit = Limit()
    handlers = [handler for name in LOGGERS for handler in logging.getLogger(name).handlers]
    for handler in [*handlers, logging.lastResort]:
        if handler is not None:
            handler.addFilter(limit)
