"""Structured logs for a terminal or as JSON, without secrets or terminal escapes."""

import json
import logging
import re
import sys
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from pqkit.redaction.redact import HIDDEN, public
from pqkit.redaction.secret_words import is_secret
from pqkit.settings import settings

# Control characters, Unicode line ends, direction marks, invisible characters and terminal escapes: job data may hold
# any of them.
UNSEEN = "\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
UNSEEN += "\U000e0000-\U000e007f"
_UNSAFE = re.compile(f"[\x00-\x1f{UNSEEN}]")
_UNSEEN = re.compile(f"[{UNSEEN}]")
_UNSAFE_IN_LINES = re.compile(f"[\x00-\x08\x0b-\x1f{UNSEEN}]")


def configure(level: str | None = None) -> None:
    """Log to standard output in the format and at the level of the settings."""
    wanted = settings()
    _configure("stdout", level or wanted.log_level, as_json=wanted.log_format == "json")


def configure_command() -> None:
    """Log to standard error: standard output holds the command's result, such as JSON."""
    _configure("stderr", "info", as_json=False)


def _configure(stream: str, level: str, *, as_json: bool) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=as_json),
            _escape,
            structlog.processors.JSONRenderer() if as_json else _console(stream),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Forgiving(stream))),
        cache_logger_on_first_use=stream == "stdout",  # a command may become one that logs to standard output
    )


class _Forgiving:
    """A standard stream, looked up for each line, that ignores write errors.

    A full disk under the log must not end the worker.
    """

    def __init__(self, stream: str) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            getattr(sys, self._stream).write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            getattr(sys, self._stream).flush()


def get_logger(component: str) -> FilteringBoundLogger:
    logger: FilteringBoundLogger = structlog.get_logger(component=component)
    return logger


def escape(text: str) -> str:
    """Put ``text`` on one line, with control, direction and invisible characters escaped."""
    return _UNSAFE.sub(_written_out, text)


def escape_lines(text: str) -> str:
    """Escape a text, but keep its lines and tabs."""
    return _UNSAFE_IN_LINES.sub(_written_out, text.replace("\r\n", "\n"))


def escape_unseen(text: str) -> str:
    """Escape in a JSON text the characters that JSON allows and a terminal obeys."""
    return _UNSEEN.sub(lambda found: json.dumps(found.group())[1:-1], text)


def _written_out(found: re.Match[str]) -> str:
    return found.group().encode("unicode_escape").decode()


def _escape(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Remove secrets and put each text on one line; the log's own timestamp stays."""
    return {key: value if key == "timestamp" else _shown(key, value) for key, value in event.items()}


def _shown(key: str, value: Any) -> Any:
    shown = HIDDEN if is_secret(key) else public(value)
    return escape(shown) if isinstance(shown, str) else shown


def _console(stream: str) -> Any:
    return structlog.dev.ConsoleRenderer(colors=getattr(sys, stream).isatty(), pad_event_to=32)
