"""Users who may log in, and API tokens."""

import json
from typing import NamedTuple

from sqlalchemy import func, select

from pqkit.db import Database
from pqkit.sql.definitions.tables import ACCOUNT, LOGIN, TOKEN


class UserView(NamedTuple):
    """A user; ``used_at`` is the last use among the sessions that are still kept."""

    name: str
    role: str
    created_at: int
    changed_at: int
    used_at: int | None


class TokenView(NamedTuple):
    """A token without its secret."""

    id: str
    name: str
    scopes: list[str]
    created_by: str
    created_at: int
    expires_at: int | None
    used_at: int | None
    revoked_at: int | None


def users(database: Database) -> list[UserView]:
    """Return all users, by name."""
    used = select(func.max(LOGIN.c.used_at)).where(LOGIN.c.account == ACCOUNT.c.name).scalar_subquery()
    wanted = (ACCOUNT.c.name, ACCOUNT.c.role, ACCOUNT.c.created_at, ACCOUNT.c.changed_at, used)
    with database.look() as connection:
        return [UserView(*row) for row in connection.execute(select(*wanted).order_by(ACCOUNT.c.name))]


def tokens(database: Database) -> list[TokenView]:
    """Return all tokens, oldest first."""
    wanted = (*(TOKEN.c[name] for name in TokenView._fields),)
    with database.look() as connection:
        rows = connection.execute(select(*wanted).order_by(TOKEN.c.created_at, TOKEN.c.id))
        return [view._replace(scopes=json.loads(str(row.scopes))) for row in rows if (view := TokenView(*row))]
