"""Where a PostgreSQL database is, how to connect to it, and what may be told of it: never its password."""

import re
from typing import NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict

from pqkit.errors import UnsupportedUrl

# A peer that is gone is noticed in seconds; whoever knows better says so in the URL.
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
    """``params`` are libpq's; ``name`` is the address as people are told it."""

    params: dict[str, str]
    name: str


def read_address(url: str) -> Address:
    """Take a URL apart. Raises UnsupportedUrl, without the password that may stand in it."""
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
