"""Telling a database in trouble from a wrong question, and saying what is the matter without secrets."""

import psycopg

# Beside what psycopg calls operational: a standby or read-only server, no rights, no schema, no tables, a broken page.
_ALSO = {"25006", "42501", "3F000", "42P01", "XX000", "XX001", "XX002"}
LONGEST = 400


def is_unavailable(error: object) -> bool:
    """Gone, starting, full, read-only, without our tables, or too busy: trying again later may help."""
    if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        return True
    return isinstance(error, psycopg.Error) and error.sqlstate in _ALSO


def in_one_line(error: BaseException) -> str:
    """The error without the statement that the server quotes below it."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    told = next((at for at, line in enumerate(lines) if line.startswith("LINE ")), len(lines))
    return " ".join(" ".join(lines[:told]).split())[:LONGEST] or type(error).__name__
