"""Logging in, and the sessions that come of it."""

from typing import NamedTuple

from pqkit.access import passwords, secret, throttle
from pqkit.access.principal import MINUTE, Principal
from pqkit.access.users import is_name
from pqkit.db import Database, Transaction
from pqkit.errors import LoginRefused, NotLoggedIn
from pqkit.rights import Role, Scope
from pqkit.sql import compiled as sql

IDLE, ABSOLUTE = 30 * MINUTE, 12 * 60 * MINUTE
"""Microseconds after which a session ends: unused, and at the latest."""
WRONG = "this name and password do not fit"


class Session(NamedTuple):
    """A login that succeeded. ``secret`` is known to its owner alone: it goes into a cookie, and nowhere else."""

    secret: str
    principal: Principal


class _Login(NamedTuple):
    """A session's row and its person's."""

    name: str
    role: str
    created_at: int
    used_at: int


class Sessions:
    """The sessions of people. A change of password or role and a removal end theirs, whatever process holds them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def login(self, name: str, password: str, address: str) -> Session:
        """Let somebody in. Raises LoginRefused, in the same words whether the name or the password is wrong.

        ``address`` is that of the other end of the connection, never one that a header claims.
        """
        user, network = throttle.subjects(name if is_name(name) else None, address)
        with self._database.write() as tx:
            wait = throttle.count(tx, [network, user], self._database.now())
            account = tx.row(sql.ACCOUNT_OF, name) if is_name(name) else None
        throttle.refuse_early(wait)
        kept: str | None = account[0] if account else None
        if not passwords.fits(password, kept) or kept is None:
            raise LoginRefused(WRONG)
        renewed = passwords.hashed(password) if passwords.is_outdated(kept) else kept
        with self._database.write() as tx:
            if not tx.run(sql.REHASH, renewed, name, kept):  # changed or removed since
                raise LoginRefused(WRONG)
            throttle.forgive(tx, network, user)
            return self._begin(tx, name)

    def check(self, secret_text: str, *, used: bool = True) -> Principal:
        """Whose session that is; NotLoggedIn when it is over. A look that nobody asked for (a page that refreshes
        itself) is no use of it: ``used=False``."""
        with self._database.read() as tx:
            principal, login = self._read(tx, secret_text)
        if used and self._database.now() - login.used_at > MINUTE:
            with self._database.write() as tx:
                tx.run(sql.USE_LOGIN, self._database.now(), secret.digest(secret_text))
        return principal

    def logout(self, secret_text: str) -> None:
        with self._database.write() as tx:
            tx.run(sql.DELETE_LOGIN, secret.digest(secret_text))

    def _begin(self, tx: Transaction, name: str) -> Session:
        now, text = self._database.now(), secret.new()
        tx.run(sql.DELETE_OLD_LOGINS, now - ABSOLUTE, now - IDLE)
        tx.run(sql.INSERT_LOGIN, secret.digest(text), name, now, now)
        return Session(text, self._read(tx, text)[0])

    def _read(self, tx: Transaction, secret_text: str) -> tuple[Principal, _Login]:
        row, now = tx.row(sql.LOGIN_OF, secret.digest(secret_text)), self._database.now()
        if row is None:
            raise NotLoggedIn("nobody is logged in here: log in again")
        login = _Login(*row)
        if now - login.created_at > ABSOLUTE or now - login.used_at > IDLE:
            raise NotLoggedIn("the session has ended: log in again")
        role = Role(login.role)

        def reread(tx: Transaction) -> frozenset[Scope]:
            principal, _ = self._read(tx, secret_text)
            tx.run(sql.USE_LOGIN, self._database.now(), secret.digest(secret_text))
            return principal.scopes

        return Principal(self._database, login.name, role.scopes, role, reread), login
