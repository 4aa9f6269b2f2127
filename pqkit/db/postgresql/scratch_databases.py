"""Creates and drops scratch databases on a server, beside those in use."""

import secrets
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from pqkit.db.postgresql import server_errors
from pqkit.db.postgresql.url import UNREADABLE, read_address
from pqkit.errors import DatabaseUnavailable, UnsupportedUrl

PREFIX = "pqkit_lab_"


def create(server: str) -> str:
    """Create an empty database on the server of the URL ``server``; return the new one's URL.

    The database of ``server`` is not changed. Raises DatabaseUnavailable if the server cannot be reached or does not
    allow it.
    """
    name = PREFIX + secrets.token_hex(6)
    url = _named(server, name)
    _run(server, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return url


def drop(server: str, url: str) -> None:
    """Drop a database that ``create`` made, even one in use."""
    name = read_address(url).params["dbname"]
    assert name.startswith(PREFIX)
    _run(server, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _named(server: str, name: str) -> str:
    url = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    if read_address(url).params["dbname"] != name:
        raise UnsupportedUrl(UNREADABLE)
    return url


def _run(server: str, statement: sql.Composed) -> None:
    address = read_address(server)
    params: dict[str, Any] = {**address.params, "autocommit": True}
    try:
        with psycopg.connect(**params) as connection:
            connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege as error:
        words = f"{address.name}: {server_errors.in_one_line(error)}; it needs a role that has CREATEDB"
        raise DatabaseUnavailable(words) from None
    except psycopg.Error as error:
        raise DatabaseUnavailable(f"{address.name}: {server_errors.in_one_line(error)}") from error
