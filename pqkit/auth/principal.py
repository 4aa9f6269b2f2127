"""The authenticated principal: a person or a token."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from pqkit.db import Database, Transaction
from pqkit.errors import NotConfirmed
from pqkit.queue import Operator
from pqkit.security import permissions
from pqkit.security.permissions import Role, Scope

MINUTE = 60_000_000


class Grant(NamedTuple):
    """Scopes; ``confirmed``: the password was given again recently, or is not needed (tokens)."""

    scopes: frozenset[Scope]
    confirmed: bool


Reread = Callable[[Transaction], Grant]
"""Reads the current grant from the database; raises NotLoggedIn if the principal is no longer valid."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A person (``role`` is set) or a token, with the grant that was read at authentication."""

    database: Database
    name: str
    grant: Grant
    role: Role | None
    reread: Reread

    @property
    def scopes(self) -> frozenset[Scope]:
        return self.grant.scopes

    def may(self, verb: str) -> bool:
        """Return true if the cached grant allows the verb; for buttons: the verb checks again."""
        return permissions.allows(self.scopes, verb)

    def must_confirm(self, verb: str) -> bool:
        """Return true if the verb is destructive and the person must confirm the password first."""
        return verb in permissions.DESTROYS and not self.grant.confirmed

    def require(self, verb: str) -> None:
        """Raise Forbidden unless the grant allows the verb."""
        permissions.check(self.scopes, verb, self.name)

    def require_still(self, verb: str) -> None:
        """Check the current grant. Raises Forbidden, or NotLoggedIn if it is no longer valid."""
        with self.database.read() as tx:
            permissions.check(self.reread(tx).scopes, verb, self.name)

    def operator(self) -> Operator:
        """Return an Operator that acts in its name; each verb checks the current grant again."""
        return Operator(self.database, self.name, self._guard)

    def _guard(self, tx: Transaction, verb: str) -> None:
        grant = self.reread(tx)
        permissions.check(grant.scopes, verb, self.name)
        if verb in permissions.DESTROYS and not grant.confirmed:
            raise NotConfirmed(f"to {verb.replace('_', ' ')} needs your password once more")
