"""Somebody who was let in."""

from collections.abc import Callable
from dataclasses import dataclass

from pqkit import rights
from pqkit.db import Database, Transaction
from pqkit.queue import Operator
from pqkit.rights import Role, Scope

MINUTE = 60_000_000
Reread = Callable[[Transaction], frozenset[Scope]]
"""The scopes as the database has them now; raises NotLoggedIn for who is not let in any more."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A person (``role`` is set) or a token, with the scopes that were read when it was let in."""

    database: Database
    name: str
    scopes: frozenset[Scope]
    role: Role | None
    reread: Reread

    def may(self, verb: str) -> bool:
        """For buttons that are shown or not; the verb itself asks again."""
        return rights.allows(self.scopes, verb)

    def require(self, verb: str) -> None:
        """Raise Forbidden unless it may do that."""
        rights.check(self.scopes, verb, self.name)

    def operator(self) -> Operator:
        """The operators' verbs in its name; each asks the database anew whether it may."""
        return Operator(self.database, self.name, self._guard)

    def _guard(self, tx: Transaction, verb: str) -> None:
        rights.check(self.reread(tx), verb, self.name)
