"""Logins and their sessions."""

from typing import NamedTuple

from pqkit.auth import devices, login_throttle, passwords, secrets
from pqkit.auth.login_throttle import Kind
from pqkit.auth.principal import MINUTE, Grant, Principal
from pqkit.auth.user_accounts import is_name
from pqkit.db import Database, Transaction
from pqkit.errors import LoginRefused, NotLoggedIn
from pqkit.security.permissions import Role
from pqkit.sql import compiled as sql

IDLE, ABSOLUTE = 30 * MINUTE, 12 * 60 * MINUTE
"""Microseconds after which a session ends: the idle timeout, and the maximum lifetime."""
CONFIRMED = 5 * MINUTE
"""Microseconds for which a confirmed password allows destructive verbs."""
OVER = "the session has ended: log in again"
WRONG, WRONG_PASSWORD = "this name and password do not fit", "this is not your password"


class Session(NamedTuple):
    """A successful login. ``secret`` and ``device`` go into one cookie each, and nowhere else."""

    secret: str
    principal: Principal
    device: str


class _Login(NamedTuple):
    """A session's row joined with its user's."""

    name: str
    role: str
    created_at: int
    used_at: int
    confirmed_until: int | None


class Sessions:
    """The sessions of users. A new password, a new role or a removal ends them everywhere."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def login(self, name: str, password: str, address: str, *, device: str = "", instead_of: str = "") -> Session:
        """Log a user in. Raises LoginRefused, alike for a wrong name and a wrong password.

        ``address`` is the peer's address, or the forwarded one if the proxy is trusted. ``device`` and ``instead_of``,
        the secret of the session that this one replaces, are the browser's cookies.
        """
        known_name = name if is_name(name) else "?"
        with self._database.write() as tx:
            now = self._database.now()
            known = bool(device) and devices.is_known(tx, device, known_name, now)
            rows = _rows(tx, known_name, address, device if known else "")
            login_throttle.count(tx, rows, now)
            account = tx.row(sql.ACCOUNT_OF, known_name)
        kept: str | None = account[0] if account else None
        if not passwords.fits(password, kept) or kept is None:
            raise LoginRefused(WRONG)
        renewed = passwords.hashed(password) if passwords.is_outdated(kept) else kept
        with self._database.write() as tx:
            if not tx.run(sql.REHASH, renewed, name, kept):  # changed or removed since
                raise LoginRefused(WRONG)
            login_throttle.forgive(tx, rows)
            tx.run(sql.DELETE_LOGIN, secrets.digest(instead_of))
            return self._begin(tx, name, device)

    def confirm(self, secret_text: str, password: str) -> None:
        """Confirm the password: allows destructive verbs for 5 minutes. Throttled like a login.

        Raises LoginRefused and NotLoggedIn.
        """
        digest = secrets.digest(secret_text)
        with self._database.write() as tx:
            name = self._read(tx, secret_text)[1].name
            rows = login_throttle.of_one(tx, Kind.SESSION, digest)
            login_throttle.count(tx, rows, self._database.now())
            kept = str(tx.row(sql.ACCOUNT_OF, name)[0])
        if not passwords.fits(password, kept):
            raise LoginRefused(WRONG_PASSWORD)
        with self._database.write() as tx:
            if not tx.run(sql.CONFIRM_LOGIN, self._database.now() + CONFIRMED, digest):
                raise NotLoggedIn(OVER)
            login_throttle.forgive(tx, rows)

    def check(self, secret_text: str, *, used: bool = True) -> Principal:
        """Return the session's principal. Raises NotLoggedIn if the session is over.

        ``used=False`` is for a page that refreshes itself: it does not extend the session.
        """
        with self._database.read() as tx:
            principal, login = self._read(tx, secret_text)
        if used and self._database.now() - login.used_at > MINUTE:
            with self._database.write() as tx:
                tx.run(sql.USE_LOGIN, self._database.now(), secrets.digest(secret_text))
        return principal

    def logout(self, secret_text: str) -> None:
        with self._database.write() as tx:
            tx.run(sql.DELETE_LOGIN, secrets.digest(secret_text))

    def _begin(self, tx: Transaction, name: str, device: str) -> Session:
        now, text = self._database.now(), secrets.new()
        tx.run(sql.DELETE_OLD_LOGINS, now - ABSOLUTE, now - IDLE)
        tx.run(sql.INSERT_LOGIN, secrets.digest(text), name, now, now)
        return Session(text, self._read(tx, text)[0], devices.remember(tx, device, name, now))

    def _read(self, tx: Transaction, secret_text: str) -> tuple[Principal, _Login]:
        row, now = tx.row(sql.LOGIN_OF, secrets.digest(secret_text)), self._database.now()
        if row is None:
            raise NotLoggedIn("nobody is logged in here: log in again")
        login = _Login(*row)
        if now - login.created_at > ABSOLUTE or now - login.used_at > IDLE:
            raise NotLoggedIn(OVER)
        role = Role(login.role)
        grant = Grant(role.scopes, login.confirmed_until is not None and now < login.confirmed_until)

        def reread(tx: Transaction) -> Grant:
            principal, _ = self._read(tx, secret_text)
            tx.run(sql.USE_LOGIN, self._database.now(), secrets.digest(secret_text))
            return principal.grant

        return Principal(self._database, login.name, grant, role, reread), login


def _rows(tx: Transaction, name: str, address: str, known_device: str) -> list[str]:
    """Return the throttle rows that count this login."""
    if known_device:
        return login_throttle.of_one(tx, Kind.DEVICE, devices.digest(known_device, name))
    return login_throttle.of_login(tx, name, address)
