"""Who is let in, and as whom: people with roles who log in, and tokens with scopes for programs.

``Sessions`` and ``Tokens`` turn a secret into a ``Principal``. ``Principal.operator()`` acts in its name; whether it
still may, is read from the database in the transaction of each action. ``Users`` keeps the people.
"""

from pqkit.auth.api_tokens import Tokens
from pqkit.auth.principal import Principal
from pqkit.auth.sessions import ABSOLUTE, CONFIRMED, IDLE, Session, Sessions
from pqkit.auth.user_accounts import BadAccount, Users

__all__ = ["ABSOLUTE", "CONFIRMED", "IDLE", "BadAccount", "Principal", "Session", "Sessions", "Tokens", "Users"]
