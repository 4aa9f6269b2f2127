"""The one list of words that mark a name as a secret's, in any spelling."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from html import unescape
from itertools import pairwise

MAX_NAME = 256


def _these(words: str, between: str = " ") -> frozenset[str]:
    return frozenset(words.split(between))


SECRETS = _these(
    "password passwords passwd passwds passphrase passphrases passcode passcodes pwd pwds pw psw pswd passw "
    "secret secrets jwt jwts otp totp credential credentials creds cred bearer cvv cvc cvn iban ibans ssn dsn psk "
    "mnemonic csrf xsrf passkey pincode pem pat sas kubeconfig keypair keypairs presigned "
    "passwort passwörter passwoerter kennwort geheimnis пароль пароли паролі секрет токен contraseña contrasena "
    "senha passe motdepasse wachtwoord hasło haslo heslo parola salasana lösenord losenord adgangskode şifre sifre"
)
"""A name with one of these words is secret, unless its last word is in ``FACTS``."""
SOFT = _these(
    "pass auth oauth authorization authorisation authentication token tokens session cookie cookies "
    "card pin signature sig key keys salt"
)
"""Like ``SECRETS``; a last word of ``ABOUT`` or a ``HARMLESS`` neighbour exempts as well."""
PAIRS = _these(
    "connection string|conn string|conn str|database url|database uri|db url|db uri|postgres url|postgresql url|"
    "mysql url|redis url|mongo url|mongodb uri|mongo uri|broker url|amqp url|sqlalchemy url|session id|"
    "credit card|card number|card num|account number|account num|social security|security code|verification code|"
    "recovery code|recovery codes|backup codes|seed phrase|seed words|wallet seed|api key|api keys|private key|"
    "access key|ssh key|ssh private|secret key|signing key|encryption key|master key|license key|auth key|shared key|"
    "account key|storage key|mfa code|sms code|signed url|slack webhook|discord webhook|teams webhook|webhook url|"
    "account json",
    "|",
)
"""Pairs of adjacent words that are secret together."""
FACTS = _these(
    "count counts length len size limit max min total num type kind ttl expires expiry expired expiration expire age "
    "at policy required enabled valid verified field column rotation file path dir attempts "
    "error errors exception warning failed failure invalid missing"
)
ABOUT = _these("name names url uri endpoint method mode provider status state version format index")
OF_KEYS = ABOUT | _these(
    "primary foreign unique limit sort partition dedupe dedup idempotency cache object s bucket row group order "
    "routing natural composite public lookup search join dict map message record field item hash id prefix suffix "
    "value translation feature metric dimension parent child entity document blob pressed up down left right "
    "count max min total num type kind column file path dir point points result results metrics phrase phrases code "
    "press stroke issue jira project answer finding findings insight insights takeaways facts performance indicator"
)
"""With one of these words a key is no secret; nor is a name that is only ``key``."""
OF_TOKENS = _these(
    "prompt completion input output cached reasoning used usage remaining per budget window max min total num count "
    "limit stop bos eos pad unk sep cls mask special start end ids next page continuation vocab"
)
OF_SESSIONS = _these("start end started ended date time duration training study notes count")
OF_CARDS = _these("title dashboard body header layout color colour score game flash")
HARMLESS: dict[str, frozenset[str]] = {
    "key": OF_KEYS,
    "keys": OF_KEYS,
    "token": OF_TOKENS,
    "tokens": OF_TOKENS,
    "pass": _these("rate first second low high band forward backward number single multi through"),
    "session": OF_SESSIONS,
    "card": OF_CARDS,
    "pin": _these("gpio position led board layout"),
    "signature": _these("time function"),
    "sig": _these("figs"),
    "cookie": _these("consent banner notice"),
    "cookies": _these("consent banner notice"),
    "salt": _these("ratio water content level concentration"),
}
"""For each soft word, the words beside it that make it harmless."""
ALONE = frozenset({"key", "keys", "tokens"})
"""Words that are no secret when they are the whole name."""
_JOINED = re.compile(
    r"password(?!less)|passwd|passphrase|passwort|kennwort|credential|secret(?!ar|ion|e(?!s$)|iv)|"
    r"(?:api|private|access|secret|ssh|auth|signing|encryption|master)keys?$|(?:auth|access|refresh|session|csrf|xsrf|"
    r"id|bearer|api|user|bot)tokens?$|sessionid$|jsessionid|phpsessid|creditcard|cardnumber|connectionstring|"
    r"databaseurl|(?:db|pg|my|mysql|user|root|admin|ftp|smtp)(?:pass|pwd|pw)$|motdepasse|"
    r"onetime(?:code|pass|pin)|(?:mfa|sms)code$|"
    r"密码|密碼|口令|パスワード|비밀번호"
)

_LETTERS = re.compile(r"[^\W\d_]+")
_COLOUR = re.compile(r"\x1b\[[0-9;:?]{0,40}+[@-~]")


class _Plain(dict[int, str]):
    """Maps each character to its ASCII look-alike; invisible characters become empty.

    Covers spaces, quotes and signs.
    """

    def __missing__(self, code: int) -> str:
        char = chr(code)
        plain = unicodedata.normalize("NFKC", char)
        if char in "\u201c\u201d\u201e\u201f\u00ab\u00bb":
            plain = '"'
        elif char in "\u2018\u2019\u201a\u201b":
            plain = "'"
        elif unicodedata.category(char) == "Cf" or char in "\u034f\u115f\u1160\u3164":
            plain = ""
        elif char in "\u2236\ua789\u02d0":
            plain = ":"
        self[code] = plain if len(plain) <= 1 else char
        return self[code]


_PLAIN = _Plain({code: chr(code) for code in range(128)})


_ESCAPED = re.compile(r"\\u00(?P<hex>[2-7][0-9A-Fa-f])|&(?P<name>quot|apos|lt|gt|equals|colon|#3[49]|#58|#61);")


def as_seen(text: str) -> str:
    """``text`` as a reader sees it: without colours and invisible characters, in ASCII signs.

    Characters escaped by JSON or HTML are unescaped.
    """
    text = _COLOUR.sub("", text) if "\x1b" in text else text
    text = _ESCAPED.sub(_written_in, text) if "\\u00" in text or "&" in text else text
    return text if text.isascii() else text.translate(_PLAIN)


def _written_in(found: re.Match[str]) -> str:
    return chr(int(found["hex"], 16)) if found["hex"] else unescape(found[0])


@lru_cache(maxsize=4096)
def is_secret(name: str) -> bool:
    """True if a value of that name must be hidden, judged by the words of the name."""
    words = words_of(name if len(name) <= MAX_NAME else name[: MAX_NAME // 2] + " " + name[-MAX_NAME // 2 :])
    pairs = list(_pairs(words))
    if not words or (words[-1] in FACTS and pairs[-1:] != ["card num"] and pairs[-1:] != ["account num"]):
        return False
    known = set(words)
    if known & SECRETS or any(pair in PAIRS for pair in pairs) or any(map(_is_joined, _runs(words))):
        return True
    soft = known & SOFT
    if not soft or known <= ALONE or words[-1] in ABOUT:
        return False
    return any(not known & HARMLESS.get(word, NOTHING) for word in soft)


NOTHING = frozenset[str]()


def _is_joined(word: str) -> bool:
    return _JOINED.search(word) is not None


def _runs(words: list[str]) -> list[str]:
    """Each word, and all of them joined."""
    return [*words, "".join(words)]


def _pairs(words: list[str]) -> Iterator[str]:
    return (f"{first} {second}" for first, second in pairwise(words))


def words_of(name: str) -> list[str]:
    """The words of a name in lower case, split at signs, digits and capitals.

    Examples: ``dbPassword2`` and ``API_KEY``.
    """
    found: list[str] = []
    for run in _LETTERS.findall(unicodedata.normalize("NFKC", as_seen(name))):
        start = 0
        for place in range(1, len(run)):
            begins = run[place].isupper() and (run[place - 1].islower() or run[place + 1 : place + 2].islower())
            if begins:
                found.append(run[start:place].lower())
                start = place
        found.append(run[start:].lower())
    return found
