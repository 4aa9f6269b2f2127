"""Arguments, results and errors at rest under a key: Fernet (AES-128-CBC with HMAC-SHA-256) of ``cryptography``.

What is encrypted stands as the text ``encrypted:KEY:TOKEN``, in JSON as a string of it; arguments are otherwise always
an object. KEY is eight hex digits of the key's SHA-256, so whoever lacks a key can say which one.
"""

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pqkit import extras
from pqkit.domain.outcomes import Outcome
from pqkit.errors import PqkitError
from pqkit.files import UnsafePath, read_small, readers, replace_whole
from pqkit.settings import settings

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

MARK = "encrypted:"
JSON_MARK = f'"{MARK}'
ID_LENGTH = 8
_SEALED = re.compile(rf'(?P<sign>"?){MARK}[0-9a-f]{{{ID_LENGTH}}}:[A-Za-z0-9_-]{{96,}}+={{0,2}}(?P=sign)')
"""A whole text: others only begin like it. Fernet's shortest token has 100 signs."""
SHOWN = '{"encrypted":'


class KeyMissing(PqkitError):
    """This process has no key, or not the one that is needed."""


class Tampered(PqkitError):
    """What was encrypted is not what it was when it was written."""


def is_sealed(text: str | None) -> bool:
    """Whether a stored text, JSON or not, is encrypted."""
    return text is not None and text.startswith((MARK, JSON_MARK)) and _SEALED.fullmatch(text) is not None


def key_of(text: str) -> str:
    """The id of the key that an encrypted text needs."""
    return text.removeprefix('"').removeprefix(MARK)[:ID_LENGTH]


def has_keys() -> bool:
    """Whether this process can encrypt. Raises KeyMissing for a key file that cannot be used."""
    return bool(_keys())


def close(text: str) -> str:
    """Encrypt with the first key. Raises KeyMissing where there is none."""
    keys = _keys()
    if not keys:
        raise KeyMissing(
            "there is no key to encrypt with: set PQKIT_KEY_FILE (`pqkit keys new` makes one) or PQKIT_KEYS"
        )
    key_id, fernet = next(iter(keys.items()))
    return f"{MARK}{key_id}:{fernet.encrypt(text.encode()).decode()}"


def close_json(text: str) -> str:
    """The same as a JSON string."""
    return f'"{close(text)}"'


_KIND = re.compile(r"[A-Za-z_][\w.]{0,80}(?=: |$)")
"""How a summary begins that was made of an exception: by its class."""


def close_outcome(outcome: Outcome) -> Outcome:
    """The outcome without what its handler said in clear: of an error only the kind is left. Raises KeyMissing."""
    result = None if outcome.result is None else close_json(outcome.result)
    error = None if outcome.error is None else close(outcome.error)
    kind = _KIND.match(outcome.summary or "")
    summary = kind[0] if kind else outcome.kind
    return outcome._replace(result=result, error=error, summary=outcome.summary and summary)


def keep_plain(text: str) -> str:
    """Put a space before a text that only looks encrypted: a handler may be given one, and return, log or raise it."""
    return f" {text}" if is_sealed(text) else text


def keep_outcome_plain(outcome: Outcome) -> Outcome:
    """Do the same to what a handler said in clear; a result stays the same JSON."""
    result, error, summary = outcome.result, outcome.error, outcome.summary
    if not (is_sealed(result) or is_sealed(error) or is_sealed(summary)):
        return outcome
    return outcome._replace(
        result=result and keep_plain(result), error=error and keep_plain(error), summary=summary and keep_plain(summary)
    )


def reveal(text: str) -> str:
    """What was encrypted; other text as it is. Raises KeyMissing or Tampered."""
    if not is_sealed(text):
        return text
    from cryptography.fernet import InvalidToken  # noqa: PLC0415 - see _keys

    key_id, token = key_of(text), text.strip('"').rpartition(":")[2]
    fernet = _keys().get(key_id)
    if fernet is None:
        raise KeyMissing(f"it is encrypted with key {key_id}, which this process does not have")
    try:
        return fernet.decrypt(token.encode()).decode()
    except InvalidToken:
        raise Tampered(f"what was encrypted with key {key_id} was changed since") from None


def renew(text: str) -> str:
    """Encrypt under the first key what was encrypted under another. Raises KeyMissing or Tampered."""
    plain = reveal(text)
    return close_json(plain) if text.startswith(JSON_MARK) else close(plain)


def shown(text: str) -> str:
    """A stored text for people without the key: what is encrypted is named, and anything else as it is."""
    return f"encrypted (key {key_of(text)})" if is_sealed(text) else text


def shown_json(text: str) -> str:
    """The same for stored JSON."""
    return f'{SHOWN}"{key_of(text)}"}}' if is_sealed(text) else text


def current() -> str | None:
    """The id of the key that encrypts; None where there is none."""
    return next(iter(_keys()), None)


def known() -> list[str]:
    """The ids of this process's keys, the one that encrypts first."""
    return list(_keys())


def new_key(file: Path) -> str:
    """Make a key, put it first into the key file, and return its id; those that were there stay for reading."""
    fernet = _library()
    old = _read(file) if file.exists() else []
    key = fernet.generate_key().decode()
    replace_whole(file, "".join(f"{line}\n" for line in (key, *old)).encode())
    return _id(key)


@cache
def _keys() -> "dict[str, Fernet]":
    wanted = settings()
    if not wanted.keys and wanted.key_file is None:
        return {}
    given = [key.get_secret_value() for key in wanted.keys]
    given += _read(wanted.key_file) if wanted.key_file is not None else []
    fernet = _library()
    try:
        return {_id(key): fernet(key) for key in given}
    except ValueError:
        raise KeyMissing("a key in PQKIT_KEYS or PQKIT_KEY_FILE is none: `pqkit keys new` makes one") from None


def forget() -> None:
    """Read the keys anew when they are needed next."""
    _keys.cache_clear()


def _read(file: Path) -> list[str]:
    try:
        text = read_small(file)
        if problem := readers(file):
            raise KeyMissing(f"the key file {problem}")
        return [line.strip() for line in text.splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError, UnsafePath) as error:
        raise KeyMissing(f"the key file {file} cannot be read: {error}") from None


def _id(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:ID_LENGTH]


def _library() -> Any:
    try:
        from cryptography.fernet import Fernet  # noqa: PLC0415 - an extra, loaded by those who encrypt
    except ImportError:
        raise KeyMissing(f"encryption needs its library: {extras.hint('encryption')}") from None
    return Fernet
