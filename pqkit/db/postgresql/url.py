"""Parses PostgreSQL URLs into connection parameters and a name without the password."""

import re
from typing import NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict

from pqkit.errors import UnsupportedUrl

# A lost peer is noticed in seconds; the URL can override these.
PATIENCE = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "application_name": "pqkit",
    "client_encoding": "utf8",
}
UNREADABLE = (
    "the PostgreSQL URL cannot be read; one looks like postgresql+psycopg://user:password@host:5432/name, with special "
    "characters in its parts written as %XX"
)
_KIND = re.compile(r"^postgres(?:ql)?(?:\+psycopg)?://")


class Address(NamedTuple):
    """A database's address: ``params`` for libpq, ``name`` for messages."""

    params: dict[str, str]
    name: str


def read_address(url: str) -> Address:
    """Parse a URL. Raises UnsupportedUrl, without the password that it may contain."""
    try:
        asked = conninfo_to_dict(_KIND.sub("postgresql://", url))
        ports = [int(port or 5432) for port in str(asked.get("port") or "").split(",")]
    except (psycopg.Error, ValueError):
        raise UnsupportedUrl(UNREADABLE) from None
    if not all(0 < port < 65536 for port in ports):
        raise UnsupportedUrl(UNREADABLE)
    params = PATIENCE | {name: str(value) for name, value in asked.items() if value is not None}
    if "," in params.get("host", ""):
        params.setdefault("target_session_attrs", "read-write")  # of several servers, the one that takes writes
    return Address(params, _named(params))


def _named(params: dict[str, str]) -> str:
    user = f"{params['user']}@" if "user" in params else ""
    port = f":{params['port']}" if "port" in params and "," not in params.get("host", "") else ""
    return f"postgresql://{user}{params.get('host', '')}{port}/{params.get('dbname', params.get('user', ''))}"
