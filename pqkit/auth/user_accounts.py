"""User accounts: the people who may log in."""

import re

from pqkit.auth import login_throttle, passwords
from pqkit.db import Transaction
from pqkit.errors import NotFound, PqkitError, Refused
from pqkit.operations.operator import Deed, Operator
from pqkit.security.permissions import Role
from pqkit.sql import compiled as sql

NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
FIRST = "admin"


class BadAccount(PqkitError, ValueError):
    """The user name is not valid."""


class Users:
    """Adds, changes and removes users, on record. A change ends the user's sessions."""

    def __init__(self, operator: Operator) -> None:
        self._operator, self._database = operator, operator.database

    def add(self, name: str, password: str, role: Role) -> None:
        """Add a user. Raises BadAccount, WeakPassword, and Refused if the name is taken."""
        if not is_name(name):
            raise BadAccount(
                f"{name!r} is no user name: 1 to 64 small letters, digits and . _ @ + -, a letter or digit first"
            )
        passwords.check_strength(password, name)
        kept = passwords.hashed(password)
        with self._operator.writing("add_user") as tx:
            now = self._database.now()
            if not tx.run(sql.INSERT_ACCOUNT, name, kept, role.value, now, now):
                raise Refused(f"there is a user {name} already")
            self._record(tx, now, "add_user", name, role)

    def remove(self, name: str) -> None:
        """Remove a user; their actions stay on record. Refused for the last administrator."""
        with self._operator.writing("remove_user") as tx:
            self._refuse_last_admin(tx, name)
            self._must(tx.run(sql.DELETE_ACCOUNT, name), name)
            self._record(tx, self._database.now(), "remove_user", name)

    def set_password(self, name: str, password: str) -> None:
        """Set a new password, and end every wait of the login throttle. Raises WeakPassword."""
        passwords.check_strength(password, name)
        kept = passwords.hashed(password)
        with self._operator.writing("set_password") as tx:
            now = self._database.now()
            self._must(tx.run(sql.SET_PASSWORD, kept, now, name), name)
            tx.run(sql.DELETE_LOGINS_OF, name)
            tx.run(sql.DELETE_DEVICES_OF, name)
            login_throttle.forget_all(tx)
            self._record(tx, now, "set_password", name)

    def set_role(self, name: str, role: Role) -> None:
        """Change a user's role. Raises Refused for the last administrator."""
        with self._operator.writing("set_role") as tx:
            now = self._database.now()
            if role is not Role.ADMIN:
                self._refuse_last_admin(tx, name)
            self._must(tx.run(sql.SET_ROLE, role.value, now, name), name)
            tx.run(sql.DELETE_LOGINS_OF, name)
            self._record(tx, now, "set_role", name, role)

    def add_first(self) -> str | None:
        """Add the administrator ``admin`` if there is no user, and return its random password."""
        with self._database.read() as tx:
            if tx.row(sql.ACCOUNTS)[0]:
                return None
        password = passwords.random()
        try:
            self.add(FIRST, password, Role.ADMIN)
        except Refused:  # another process was faster
            return None
        return password

    def _refuse_last_admin(self, tx: Transaction, name: str) -> None:
        """Lock all administrators, so that two of them are not removed at the same moment."""
        if [admin for (admin,) in tx.rows(sql.LOCK_ACCOUNTS, Role.ADMIN.value)] == [name]:
            raise Refused(f"{name} is the last administrator: make another one first (pqkit users role NAME admin)")

    def _must(self, rows: int, name: str) -> None:
        if not rows:
            raise NotFound(f"there is no user {name}")

    def _record(self, tx: Transaction, now: int, verb: str, name: str, role: Role | None = None) -> None:
        detail = {"user": name} if role is None else {"user": name, "role": role.value}
        self._operator.record(tx, now, Deed(verb, detail=detail))


def is_name(text: str) -> bool:
    return NAME.fullmatch(text) is not None
