"""Tells a database in trouble from a wrong statement, and describes errors without secrets."""

import psycopg

# Besides psycopg's OperationalError: a standby or read-only server, no rights, no schema, no tables, a broken page.
_ALSO = {"25006", "42501", "3F000", "42P01", "XX000", "XX001", "XX002"}
LONGEST = 400


def is_unavailable(error: object) -> bool:
    """True if the server is gone, starting, full, read-only, too busy or without our tables.

    A later retry may succeed.
    """
    if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        return True
    return isinstance(error, psycopg.Error) and error.sqlstate in _ALSO


def in_one_line(error: BaseException) -> str:
    """The error in one line, without the statement that the server quotes below it."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    told = next((at for at, line in enumerate(lines) if line.startswith("LINE ")), len(lines))
    return " ".join(" ".join(lines[:told]).split())[:LONGEST] or type(error).__name__
