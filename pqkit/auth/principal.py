"""Somebody who was let in."""

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
    """The scopes of somebody, and whether a person has given the password again a moment ago; a program has none."""

    scopes: frozenset[Scope]
    confirmed: bool


Reread = Callable[[Transaction], Grant]
"""The grant as the database has it now; raises NotLoggedIn for who is not let in any more."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A person (``role`` is set) or a token, with the grant that was read when it was let in."""

    database: Database
    name: str
    grant: Grant
    role: Role | None
    reread: Reread

    @property
    def scopes(self) -> frozenset[Scope]:
        return self.grant.scopes

    def may(self, verb: str) -> bool:
        """For buttons that are shown or not; the verb itself asks again."""
        return permissions.allows(self.scopes, verb)

    def must_confirm(self, verb: str) -> bool:
        """Whether that destroys something, and the person has to give the password again first."""
        return verb in permissions.DESTROYS and not self.grant.confirmed

    def require(self, verb: str) -> None:
        """Raise Forbidden unless it may do that."""
        permissions.check(self.scopes, verb, self.name)

    def require_still(self, verb: str) -> None:
        """The same of what the database says now; NotLoggedIn where it knows the principal no more."""
        with self.database.read() as tx:
            permissions.check(self.reread(tx).scopes, verb, self.name)

    def operator(self) -> Operator:
        """The operators' verbs in its name; each asks the database anew whether it may."""
        return Operator(self.database, self.name, self._guard)

    def _guard(self, tx: Transaction, verb: str) -> None:
        grant = self.reread(tx)
        permissions.check(grant.scopes, verb, self.name)
        if verb in permissions.DESTROYS and not grant.confirmed:
            raise NotConfirmed(f"to {verb.replace('_', ' ')} needs your password once more")
