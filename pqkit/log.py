"""Log lines: structured events in plain words, for a terminal or as JSON, with nothing in them that moves a cursor."""

import logging
import re
import sys
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from pqkit.settings import settings

# Control characters, line ends of Unicode and terminal escapes: job data may hold any of them.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def configure(level: str | None = None) -> None:
    """Send log lines to standard output in the format and from the level that the settings say."""
    wanted = settings()
    as_json = wanted.log_format == "json"
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=as_json),
            _escape,
            structlog.processors.JSONRenderer() if as_json else _console(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, (level or wanted.log_level).upper())),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Forgiving())),
        cache_logger_on_first_use=True,
    )


class _Forgiving:
    """Standard output, as it is at each line, with write errors swallowed: a full disk under the log must not end the
    worker that logs."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            sys.stdout.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stdout.flush()


def get_logger(component: str) -> FilteringBoundLogger:
    logger: FilteringBoundLogger = structlog.get_logger(component=component)
    return logger


def escape(text: str) -> str:
    """``text`` on one line, control characters written out."""
    return _UNSAFE.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def _escape(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {key: escape(value) if isinstance(value, str) else value for key, value in event.items()}


def _console() -> Any:
    return structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), pad_event_to=32)
