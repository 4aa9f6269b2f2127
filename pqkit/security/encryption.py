"""Encryption at rest of arguments, results and errors, with Fernet from ``cryptography``.

Fernet is AES-128-CBC with HMAC-SHA-256. Encrypted text is stored as ``encrypted:KEY:TOKEN``, and in JSON as that
string; plain arguments are always an object. KEY is eight hex digits of the key's SHA-256, so that a process without
the key can name it.
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
"""Matches a whole text: plain text may begin alike. Fernet's shortest token has 100 characters."""
SHOWN = '{"encrypted":'


class KeyMissing(PqkitError):
    """This process has no key, or lacks the one that is needed."""


class Tampered(PqkitError):
    """An encrypted text was changed after it was written."""


def is_sealed(text: str | None) -> bool:
    """Return true if a stored text, JSON or not, is encrypted."""
    return text is not None and text.startswith((MARK, JSON_MARK)) and _SEALED.fullmatch(text) is not None


def key_of(text: str) -> str:
    """Return the id of the key that an encrypted text needs."""
    return text.removeprefix('"').removeprefix(MARK)[:ID_LENGTH]


def has_keys() -> bool:
    """Return true if this process can encrypt. Raises KeyMissing if its key file cannot be used."""
    return bool(_keys())


def close(text: str) -> str:
    """Encrypt a text with the first key. Raises KeyMissing if there is none."""
    keys = _keys()
    if not keys:
        raise KeyMissing(
            "there is no key to encrypt with: set PQKIT_KEY_FILE (`pqkit keys new` makes one) or PQKIT_KEYS"
        )
    key_id, fernet = next(iter(keys.items()))
    return f"{MARK}{key_id}:{fernet.encrypt(text.encode()).decode()}"


def close_json(text: str) -> str:
    """Encrypt a text as ``close`` does, and return a JSON string."""
    return f'"{close(text)}"'


_KIND = re.compile(r"[A-Za-z_][\w.]{0,80}(?=: |$)")
"""The exception's class, with which its summary begins."""


def close_outcome(outcome: Outcome) -> Outcome:
    """Encrypt an outcome's result and error; the summary keeps only the kind. Raises KeyMissing."""
    result = None if outcome.result is None else close_json(outcome.result)
    error = None if outcome.error is None else close(outcome.error)
    kind = _KIND.match(outcome.summary or "")
    summary = kind[0] if kind else outcome.kind
    return outcome._replace(result=result, error=error, summary=outcome.summary and summary)


def keep_plain(text: str) -> str:
    """Prepend a space to a handler's plain text that looks encrypted."""
    return f" {text}" if is_sealed(text) else text


def keep_outcome_plain(outcome: Outcome) -> Outcome:
    """Apply ``keep_plain`` to an outcome's texts; a result stays the same JSON."""
    result, error, summary = outcome.result, outcome.error, outcome.summary
    if error is None and (result is None or result[: len(JSON_MARK)] != JSON_MARK):  # most, and at each run
        return outcome
    if not (is_sealed(result) or is_sealed(error) or is_sealed(summary)):
        return outcome
    return outcome._replace(
        result=result and keep_plain(result), error=error and keep_plain(error), summary=summary and keep_plain(summary)
    )


def reveal(text: str) -> str:
    """Decrypt a text; plain text is returned unchanged. Raises KeyMissing or Tampered."""
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
    """Encrypt a text again under the first key. Raises KeyMissing or Tampered."""
    plain = reveal(text)
    return close_json(plain) if text.startswith(JSON_MARK) else close(plain)


def shown(text: str) -> str:
    """Return a stored text for display: an encrypted one is replaced by its key's id."""
    return f"encrypted (key {key_of(text)})" if is_sealed(text) else text


def shown_json(text: str) -> str:
    """Return stored JSON for display: an encrypted value is replaced by its key's id."""
    return f'{SHOWN}"{key_of(text)}"}}' if is_sealed(text) else text


def current() -> str | None:
    """Return the id of the key that encrypts, or None."""
    return next(iter(_keys()), None)


def known() -> list[str]:
    """Return the ids of this process's keys; the first one encrypts."""
    return list(_keys())


def new_key(file: Path) -> str:
    """Create a key, put it first in the key file and return its id; older keys stay."""
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
    """Drop the cached keys; the next use reads them again."""
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
        from cryptography.fernet import Fernet  # noqa: PLC0415 - an extra, loaded only for encryption
    except ImportError:
        raise KeyMissing(f"encryption needs its library: {extras.hint('encryption')}") from None
    return Fernet
