"""API tokens for programs: ``pq_<id>_<secret>``, sent in a header and never in a URL."""

import hmac
import json
import secrets
from collections.abc import Collection
from contextlib import suppress

from pqkit.auth import secrets as secret
from pqkit.auth.principal import MINUTE, Grant, Principal
from pqkit.db import Database, Transaction
from pqkit.domain.names import check_name
from pqkit.domain.retry_policy import check_moment
from pqkit.errors import DatabaseUnavailable, NotFound, NotLoggedIn, PqkitError
from pqkit.operations.operator import Deed, Operator
from pqkit.security.permissions import Scope
from pqkit.sql import compiled as sql

UNKNOWN = "this token is unknown, expired or revoked"


class Tokens:
    """The tokens of one queue."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, operator: Operator, name: str, scopes: Collection[Scope], expires_at: int | None = None) -> str:
        """Create a token; its text is returned, not stored. ``expires_at``: microseconds UTC."""
        if expires_at is not None:
            check_moment("the end of a token", expires_at)
        check_name("a token's name", name)
        if not scopes:
            raise PqkitError(f"a token needs scopes: {', '.join(Scope)}")
        token_id, text = secrets.token_hex(5), secret.new()
        wanted = sorted(set(scopes), key=list(Scope).index)
        with operator.writing("add_token") as tx:
            now = self._database.now()
            kept = (secret.digest(text), json.dumps(wanted), operator.who, now, expires_at)
            tx.run(sql.INSERT_TOKEN, token_id, name, *kept)
            detail = {"token": token_id, "name": name, "scopes": wanted}
            operator.record(tx, now, Deed("add_token", detail=detail))
        return f"pq_{token_id}_{text}"

    def revoke(self, operator: Operator, token_id: str) -> None:
        """Revoke a token. Raises NotFound if it does not exist or is revoked already."""
        with operator.writing("revoke_token") as tx:
            now = self._database.now()
            if not tx.run(sql.REVOKE_TOKEN, now, token_id):
                raise NotFound(f"there is no token {token_id}, or it is revoked already")
            operator.record(tx, now, Deed("revoke_token", detail={"token": token_id}))

    def check(self, text: str) -> Principal:
        """Return the token's principal. Raises NotLoggedIn if it is unknown, expired or revoked."""
        prefix, _, rest = text.partition("_")
        token_id, _, secret_text = rest.partition("_")
        if prefix != "pq" or not (token_id.isascii() and token_id.isalnum()):
            raise NotLoggedIn(UNKNOWN)
        with self._database.read() as tx:
            principal, used_at = self._read(tx, token_id, secret_text)
        now = self._database.now()
        if used_at is None or now - used_at > MINUTE:
            with suppress(DatabaseUnavailable), self._database.write() as tx:  # a read-only request still works
                tx.run(sql.USE_TOKEN, now, token_id)
        return principal

    def _read(self, tx: Transaction, token_id: str, secret_text: str) -> tuple[Principal, int | None]:
        row = tx.row(sql.TOKEN_OF, token_id)
        name, kept, scopes, expires_at, used_at = row or ("", "", "[]", None, None)
        fits = hmac.compare_digest(kept, secret.digest(secret_text))
        if not fits or (expires_at is not None and expires_at <= self._database.now()):
            raise NotLoggedIn(UNKNOWN)
        found = Grant(frozenset(map(Scope, json.loads(scopes))), confirmed=True)

        def reread(tx: Transaction) -> Grant:
            return self._read(tx, token_id, secret_text)[0].grant

        return Principal(self._database, f"token {token_id} ({name})", found, None, reread), used_at
