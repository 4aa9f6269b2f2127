"""Authentication: logins for people with roles, and tokens for programs with scopes.

``Sessions`` and ``Tokens`` turn a secret into a ``Principal``. ``Principal.operator()`` acts in its name; each action
checks its permission again, in the action's own transaction. ``Users`` manages the accounts.
"""

from pqkit.auth.api_tokens import Tokens
from pqkit.auth.principal import Principal
from pqkit.auth.sessions import ABSOLUTE, CONFIRMED, IDLE, Session, Sessions
from pqkit.auth.user_accounts import BadAccount, Users

__all__ = ["ABSOLUTE", "CONFIRMED", "IDLE", "BadAccount", "Principal", "Session", "Sessions", "Tokens", "Users"]
