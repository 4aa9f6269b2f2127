"""The one list of words by which a name is known to be a secret's, however it is written."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

MAX_NAME = 256


def _these(words: str, between: str = " ") -> frozenset[str]:
    return frozenset(words.split(between))


SECRETS = _these(
    "password passwords passwd passwds passphrase passphrases passcode passcodes pwd pwds pw psw pswd "
    "secret secrets jwt jwts otp totp credential credentials creds cred bearer cvv cvc cvn iban ibans ssn dsn "
    "mnemonic salt csrf xsrf passkey "
    "passwort passwörter passwoerter kennwort geheimnis пароль пароли паролі секрет токен contraseña contrasena "
    "senha passe wachtwoord hasło haslo parola salasana lösenord losenord adgangskode"
)
"""A name with one of these words is secret, unless it has one of ``FACTS`` too."""
SOFT = _these(
    "pass auth oauth authorization authorisation authentication token tokens session cookie cookies "
    "card pin signature sig key keys"
)
"""The same, but also one of ``ABOUT`` makes the name harmless."""
PAIRS = _these(
    "connection string|conn string|conn str|database url|database uri|db url|db uri|postgres url|postgresql url|"
    "mysql url|redis url|mongo url|mongodb uri|mongo uri|broker url|amqp url|sqlalchemy url|session id|"
    "credit card|card number|account number|social security|security code|verification code|recovery code|"
    "recovery codes|backup codes|seed phrase|api key|api keys|private key|access key|ssh key|secret key|signing key|"
    "encryption key|master key|license key|auth key|shared key|account key|storage key",
    "|",
)
"""Two words that are secret side by side."""
FACTS = _these(
    "count counts length len size limit max min total num type kind ttl expires expiry expired expiration expire age "
    "at policy required enabled valid verified field column rotation file path dir attempts "
    "error errors exception warning failed failure invalid missing"
)
ABOUT = _these("name names url uri endpoint method mode provider status state version format index")
OF_KEYS = _these(
    "primary foreign unique limit sort partition dedupe dedup idempotency cache object s bucket row group order "
    "routing natural composite public lookup search join dict map message record field item hash id prefix suffix "
    "value translation feature metric dimension parent child entity document blob pressed up down left right"
)
"""With one of these a key is no secret, nor is one that says no more than ``key``."""
OF_TOKENS = _these("prompt completion input output cached reasoning used usage remaining per budget window")
_JOINED = re.compile(
    r"password(?!less)|passwd|passphrase|passwort|kennwort|credential|secret(?!ar|ion|e(?!s$)|iv)|"
    r"(?:api|private|access|secret|ssh|auth|signing|encryption|master)keys?$|(?:auth|access|refresh|session|csrf|xsrf|"
    r"id|bearer|api|user|bot)tokens?$|sessionid$|jsessionid|phpsessid|creditcard|cardnumber|connectionstring|"
    r"databaseurl|(?:db|pg|my|mysql|user|root|admin|ftp|smtp)(?:pass|pwd|pw)$|密码|密碼|口令|パスワード|비밀번호"
)

_LETTERS = re.compile(r"[^\W\d_]+")


@lru_cache(maxsize=4096)
def is_secret(name: str) -> bool:
    """Whether a value of that name is one to hide, by the words of the name."""
    words = words_of(name if len(name) <= MAX_NAME else name[: MAX_NAME // 2] + " " + name[-MAX_NAME // 2 :])
    known = set(words)
    sure = known & SECRETS or any(pair in PAIRS for pair in _pairs(words)) or any(map(_is_joined, _runs(words)))
    if known & FACTS and "hash" not in known:
        return False
    if sure:
        return True
    soft = known & SOFT
    if not soft or known & ABOUT:
        return False
    if soft <= {"key", "keys"}:
        return bool(known - soft) and not known & OF_KEYS
    return not (soft == {"tokens"} and known & OF_TOKENS)


def _is_joined(word: str) -> bool:
    return _JOINED.search(word) is not None


def _runs(words: list[str]) -> list[str]:
    """Each word, and all of them as one."""
    return [*words, "".join(words)]


def _pairs(words: list[str]) -> Iterator[str]:
    return (f"{first} {second}" for first, second in pairwise(words))


def words_of(name: str) -> list[str]:
    """The words of a name in small letters: at signs, digits and capitals, as in ``dbPassword2`` and ``API_KEY``."""
    found: list[str] = []
    for run in _LETTERS.findall(unicodedata.normalize("NFKC", name)):
        start = 0
        for place in range(1, len(run)):
            begins = run[place].isupper() and (run[place - 1].islower() or run[place + 1 : place + 2].islower())
            if begins:
                found.append(run[start:place].lower())
                start = place
        found.append(run[start:].lower())
    return found
