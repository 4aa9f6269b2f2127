"""Password rules, and argon2id hashes at the strength that OWASP recommends."""

import re
import secrets
import threading
from functools import cache
from typing import TYPE_CHECKING

from pqkit import extras
from pqkit.errors import PqkitError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST, LONGEST = 10, 1024
FEWEST_SIGNS = 5
TRIVIAL = {"admin", "administrator", "changeme", "letmein", "login", "pass", "password", "passwort", "pqkit", "qwerty"}
TRIVIAL |= {"operator", "qwertyuiop", "qwertz", "root", "secret", "secure", "test", "user", "viewer", "welcome"}
_ROWS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm")
_at_once = threading.BoundedSemaphore(2)  # each takes 19 MiB: many logins at once must not exhaust the memory


class WeakPassword(PqkitError, ValueError):
    """The password is too easy to guess."""


def check_strength(password: str, name: str) -> None:
    """Raise WeakPassword, with the rule, if the password is short, long or easily guessed."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise WeakPassword(f"a password has {SHORTEST} to {LONGEST} characters")
    low = password.lower()
    words = {_once(word) for word in re.findall(r"[^\W\d_]+", low)}
    if len(set(low)) < FEWEST_SIGNS or words <= TRIVIAL | {name.lower()} or any(low in row for row in _ROWS):
        raise WeakPassword("this password is one that is guessed first: take another, such as four random words")


def _once(word: str) -> str:
    """Return the unit that the word repeats, or the whole word."""
    return word[: (word + word).find(word, 1)]


def random() -> str:
    """Return a random password of 144 bits."""
    return secrets.token_urlsafe(18)


def hashed(password: str) -> str:
    with _at_once:
        return _hasher().hash(password.encode(errors="replace"))


def fits(password: str, kept: str | None) -> bool:
    """Return true if the password matches the hash. None takes as long and never matches."""
    from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415 - see _hasher

    try:
        with _at_once:
            _hasher().verify(kept or _nobodys(), password[: LONGEST + 1].encode(errors="replace"))
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


def is_outdated(kept: str) -> bool:
    """Return true if the hash was made with other parameters than the current ones."""
    return _hasher().check_needs_rehash(kept)


@cache
def _nobodys() -> str:
    return _hasher().hash(random())


@cache
def _hasher() -> "PasswordHasher":
    try:
        from argon2 import PasswordHasher  # noqa: PLC0415 - an extra, needed only where people log in
    except ModuleNotFoundError:
        raise PqkitError(f"logins need argon2-cffi, which is not installed: {extras.hint('console')}") from None
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
