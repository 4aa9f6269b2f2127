"""Redacts secrets in texts: in URLs, beside names of secrets, or known by their shape.

Every pattern is bounded, so that any text takes linear time.
"""

import re

from pqkit.redaction.secret_words import PAIRS, as_seen, is_secret

STARS = "***"
"""Replaces a hidden part of a text."""
MAX_VALUE = 4_000
"""Characters within which the end of one secret is searched."""

_NAMED = re.compile(
    r"""(?<![\w.%-]) (?P<name>[\w.%-]++)
        (?P<sign> (?:\[["']?\w{0,40}+["']?\])?+ \*{0,2}+ \\*+ ["'`]? \]? \*{0,2}+ [ \t]{0,80}+
          (?: : [ \t]{0,4}+ [A-Za-z][\w.\[\]]{0,40}+ (?:[ ]\|[ ]None)? [ \t]{0,4}+ =(?!=) | := | => | ={1,2}
            | : (?:\*\*(?!\*)(?=[ \t]))? )
        [ \t]{0,80}+ (?:![\w./-]{1,40}+[ \t]{1,8}+)?+ (?:\r?\n[ \t]{0,80}+(?=\\*+["']))?+) (?=\S)""",
    re.VERBOSE,
)
_OPTION = re.compile(r"""(?<![\w-])--?(?P<name>[A-Za-z][\w.-]*+)(?P<sign>\\*+["']?,?[ \t]{1,8}+)(?=[^\s-])""")
_NAMING = "name|key|header|field|param|parameter|variable|id|label|attribute|var|setting|property|option|arg|path|k"
_PAIR = re.compile(
    rf"""(?ix) \b(?:{_NAMING}) \\*+["']? [ \t]{{0,8}}+ [:=] [ \t]{{0,8}}+ \\*+["']?
        (?P<name>[\w.-]{{1,80}}+) (?P<sign> \\*+["']? (?:,|(?<=["'])\s) \s{{0,8}}+ \\*+["']?
        (?:default_?)?(?:value|values|val|content|default|data|valueFrom|v) \\*+["']? [ \t]{{0,8}}+
        [:=] [ \t]{{0,8}}+) (?=\S)"""
)
_PAIR_BACK = re.compile(
    rf"""(?ix) (?P<before>\b(?:value|values|val|content|default|data|v) \\*+["']? [ \t]{{0,8}}+ [:=] [ \t]{{0,8}}+)
        (?P<value>\\*+"(?:[^"\\]|\\[^"]){{0,400}}+\\*+" | \\*+'(?:[^'\\]|\\[^']){{0,400}}+\\*+' | [^\s,"'\\]{{1,400}}+)
        (?P<after> (?:,|(?<=["'])\s)\s{{0,8}}+ \\*+["']? (?:{_NAMING}) \\*+["']?
        [ \t]{{0,8}}+ [:=] [ \t]{{0,8}}+ \\*+["']? (?P<name>[\w.-]{{1,80}}+))"""
)
_ITEM = re.compile(r"""["'](?P<name>[\w.-]{1,80}+)(?P<sign>\\*+["'][ ]{0,8}+,\s{0,8}+)(?=b?\\*+["'])""")
_IN_URL = re.compile(
    r"(?:(?<![\w.%-])|(?<=%[0-9A-Fa-f]{2}))(?P<name>[A-Za-z_][\w.-]{0,80}+)(?P<sign>%(?:25)?3[Dd])(?=[^\s&])"
)
_QUOTED = re.compile(
    r"""(?i)\b(?P<name>password|passwd|pwd|passphrase|passcode|Secret(?:Str|Bytes))
        (?P<sign>[ \t]{1,8}+|(?<=str)\(|(?<=bytes)\()(?=b?["'])""".replace("\n        ", "")
)
_COMMANDS = re.compile(
    r"""(?xi) ( \b (?: (?:mysql|mysqldump|mysqladmin|mariadb)\b [^\r\n|;&]{0,200}? [ ]-p
            | (?:sshpass|docker[ ]login|podman[ ]login|helm[ ]registry[ ]login)\b [^\r\n|;&]{0,200}? [ ]-p[ =]?
            | redis-cli\b [^\r\n|;&]{0,200}? [ ]-a[ =]?
            | (?:curl|wget|http)\b [^\r\n|;]{0,300}? [ ](?:-u|--user|-a|--auth)[ =]?["']?[^\s:"']{1,100}: )
          | \b(?:Basic|Digest|Proxy)Auth\(\s{0,8}["'][^"'\r\n]{0,100}["'],\s{0,8}["']
          | \blogin[ \t]{1,8}\S{1,100}\s{1,8}password[ \t]{1,8}
          | \bjdbc:oracle:\w{1,20}:\w{1,60}/ | /bot(?=\d{5,12}:)
          | (?m:^)[ \t]{0,20}\|[ ]{0,40}(?:password|passwd|passphrase|secret|token|api[ _-]?key)[ ]{0,40}\|[ ]{0,40} )
        [^\s"'|@/]{1,400}"""
)
"""Secrets known by place only: in commands, .netrc, connection strings, two-column tables."""
_CARD = re.compile(r"(?<![\w.-])(?:3[47]|4\d|5[1-5]|2[2-7]|6[05])\d{2}(?:[ -]?\d{4}){2}[ -]?\d{3,4}(?![\w.-])")
_IDENTIFIED = re.compile(r"""(?i)(\bidentified[ ]{1,8}by[ ]{1,8}["'])[^"'\n]{1,400}""")
_INPUT = re.compile(r"(\binput_value=)(?!\*\*\*,).{1,4000}?(?=, input_type=)", re.DOTALL)
_DIGEST = re.compile(r"""(?i)(\bdigest[ ]{1,8}+(?=\w{1,40}=)[^\r\n]{0,1000}?\bresponse=\\*")[^"\\]{1,400}""")
_ELEMENT = re.compile(r"<(?P<name>[\w:.-]{1,80}+)(?:[ ][^<>]{0,200}+)?>")
_BLOCK = re.compile(
    r"""(?mx) ^(?P<indent>[ \t]{0,80}+) (?:-[ ])?["']?(?P<name>[\w.-]{1,80}+)["']?[ \t]{0,80}+:[ \t]{0,80}+
        (?:[|>][+-]?\d?[ \t]{0,80}+)?\r?(?=\n)"""
)
_DEEPER = re.compile(r"""\n([ \t]*+)(?=\S)([^\n]*+)""")
_OPENS = re.compile(r"""(?:[bBrRfFuU]{1,2}(?=\\*+["']))?+(\\*+(?:"{3}|'{3}|""(?=\w)|''(?=\w)|["'`]))""")
_BRACKET = re.compile(r"(?:[A-Za-z_][\w.]{0,80}+)?(?=[\[{(])")
_IN_BRACKETS = re.compile(
    r"""\\. | "(?:[^"\\\n]|\\.){0,400}+" | '(?:[^'\\\n]|\\.){0,400}+' | (?P<open>[\[{(]) | (?P<close>[\]})])""",
    re.VERBOSE | re.DOTALL,
)
_INSIDE = {sign: re.compile(rf"(?:[^{sign}\\]|\\.){{0,{MAX_VALUE}}}+", re.DOTALL) for sign in "\"'`"}
_BARE = re.compile(
    r"""(?ix) (?P<scheme>(?:bearer|basic|token|digest|apikey|negotiate)[ \t]{1,8}+)?+
        (?: [^\s"',;&)}\]\\] | \\(?!["']) | [,;&)}\]](?![\s"'\\,;&)}\]]|$|[\w.%-]{1,64}+=) )*+"""
)
_LINE = re.compile(r"""(?:[^\r\n"']|(?<==)"[^"\r\n]*+"?)*+""")
_URL = re.compile(
    r"""(?x) (?P<scheme>\b[A-Za-z][A-Za-z0-9+.-]{0,30}):// (?P<user>[^/?\#@:\s"'<>`\\]{0,200}+)
        (?: : (?P<password>
              (?=[^\s"'<>`]{1,300}@) [^\s"'<>`]{1,300} (?=@)
            | (?!\d{1,5}(?:[/\s?\#,;)\]}]|$)) [^"'<>`\r\n@]{1,100} (?=@[\w.\[-])
            | (?!\d{1,5}(?:\D|$)|//) [^\s"'<>`@/]{1,300} (?=…?$) )
          | (?=@) )"""
)
_SHAPES = re.compile(
    r"""(?x) (?<![A-Za-z0-9]) (?:
          (?:AKIA|ASIA|AGPA|AIDA|AROA)[A-Z0-9]{16} | gh[opusr]_[A-Za-z0-9]{20,255} | github_pat_\w{20,255}
        | glpat-[\w-]{16,128} | xox[abeprs]-[\w-]{8,255} | xapp-[\w-]{8,255} | sk-[\w-]{16,255}
        | (?:sk|rk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,255} | AIza[\w-]{30,64} | ya29\.[\w.-]{16,512} | npm_\w{30,64}
        | pypi-[\w-]{16,512} | hf_[A-Za-z0-9]{20,64} | SG\.[\w-]{16,64}\.[\w-]{16,64} | hvs\.[\w-]{16,255}
        | dop_v1_[0-9a-f]{32,128} | shp[ap][ts]_[0-9a-fA-F]{16,64} | AGE-SECRET-KEY-1[0-9A-Z]{20,80}
        | pq_[0-9a-f]{10}_[\w-]{16,128} | eyJ[\w-]{4,2000}\.[\w-]{4,4000}(?:\.[\w-]{0,2000})?
        | (?:(?<=hooks\.slack\.com/services/)|(?<=discord\.com/api/webhooks/))[\w/-]{8,255} )"""
)
_PEM = re.compile(
    r"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----).*?(?=-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|\Z)", re.DOTALL
)
_BEARER = re.compile(r"(?i)\b(bearer[ \t]{1,8}+)(?=[\w~+/=-]*+[\d._~+/=-]|\w{20})[\w.~+/=-]{6,}+")
_BASIC = re.compile(r"(?i)\b(basic[ \t]{1,8}+)(?=[A-Za-z+/]{0,60}[\d=]|\w{20})[A-Za-z0-9+/]{8,}+={0,2}")


def starred(text: str) -> str:
    """``text`` with stars for its secrets, including those that only its displayed form shows."""
    shown, seen = _starred(text), as_seen(text)
    if seen == text:
        return shown
    plain = _starred(seen)
    return shown if plain in (seen, as_seen(shown)) else plain


def _starred(text: str) -> str:
    text = _PEM.sub(rf"\1{STARS}", text) if "PRIVATE KEY-----" in text else text
    text = without_passwords(text)
    text = _INPUT.sub(rf"\1{STARS}", text) if "input_value=" in text else text
    text = _beside_names(text)
    text = _DIGEST.sub(rf"\1{STARS}", text)
    text = _COMMANDS.sub(rf"\1{STARS}", text)
    text = _CARD.sub(_unless_no_card, text)
    text = _IDENTIFIED.sub(rf"\1{STARS}", text)
    text = _BEARER.sub(rf"\1{STARS}", text)
    text = _BASIC.sub(rf"\1{STARS}", text)
    return _SHAPES.sub(STARS, text)


def _beside_names(text: str) -> str:
    if ":" in text and "\n" in text:
        text = _blocks(text)
    if "=" in text or ":" in text:
        text = _PAIR_BACK.sub(_before_its_name, text)
        text = _beside(_NAMED, _beside(_PAIR, text))
    text = _beside(_IN_URL, text) if "%" in text else text
    text = _beside(_OPTION, text) if "-" in text else text
    text = _beside(_ITEM, text) if "," in text else text
    text = _elements(text) if "</" in text else text
    return _beside(_QUOTED, text) if '"' in text or "'" in text else text


def without_passwords(text: str) -> str:
    """``text`` with stars for the password or token of every URL in it."""
    return _URL.sub(_in_url, text) if "://" in text else text


def _in_url(found: re.Match[str]) -> str:
    scheme, user, password = found["scheme"], found["user"], found["password"]
    web = scheme.lower() in {"http", "https", "ws", "wss"}
    if password is None:
        return f"{scheme}://{STARS if user and (web or _is_token(user)) else user}"
    if web and re.match(r"\d{1,5}[/?#]", password):  # the number is a port, and the sign belongs to a path
        return f"{scheme}://{user}:{without_passwords(password)}"
    return f"{scheme}://{STARS if _is_token(user) or password in NO_PASSWORD else user}:{STARS}"


NO_PASSWORD = frozenset({"x", "x-oauth-basic"})
"""Placeholder passwords: with these the user name is the secret."""


def _is_token(user: str) -> bool:
    return len(user) >= 16 and any(map(str.isdigit, user)) and "." not in user


def _unless_no_card(found: re.Match[str]) -> str:
    """Replace a number by stars if its check digit is valid for a card."""
    digits = [int(char) for char in reversed(found[0]) if char.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return found[0] if (sum(digits[::2]) + sum(doubled)) % 10 else STARS


def _before_its_name(found: re.Match[str]) -> str:
    return f"{found['before']}{STARS}{found['after']}" if is_secret(found["name"]) else found[0]


def _elements(text: str) -> str:
    """Replace the content of elements such as ``<password>x</password>`` by stars."""
    parts, begun = list[str](), 0
    for found in _ELEMENT.finditer(text):
        if found.start() >= begun and is_secret(found["name"]):
            end = text.find(f"</{found['name']}", found.end(), found.end() + MAX_VALUE)
            if end > found.end():
                parts += [text[begun : found.end()], STARS]
                begun = end
    return "".join([*parts, text[begun:]])


def _blocks(text: str) -> str:
    """Replace the lines of a block below a secret's name by stars, as in YAML."""
    parts, begun = list[str](), 0
    for found in _BLOCK.finditer(text):
        if found.start() >= begun and is_secret(found["name"]):
            end = _end_of_block(text, found.end(), found["indent"])
            if end > found.end():
                parts += [text[begun : found.end()], f"\n{found['indent']}  {STARS}"]
                begun = end
    return "".join([*parts, text[begun:]])


def _end_of_block(text: str, end: int, indent: str) -> int:
    while line := _DEEPER.match(text, end):
        deeper = len(line[1]) > len(indent) or (
            line[1] == indent and line[2].startswith(("- ", '"', "'")) and ":" not in line[2]
        )
        if not deeper:
            break
        end = line.end()
    return end


def _beside(names: re.Pattern[str], text: str) -> str:
    """Replace what stands beside each secret's name by stars."""
    parts, begun, place = list[str](), 0, 0
    while found := names.search(text, place):
        place = found.end("name")
        start, end = _value(text, found) if _announces(text, found) else (place, place)
        if start < end:
            parts += [text[begun:start], STARS]
            begun = place = end
    return "".join([*parts, text[begun:]]) if parts else text


_PATH = re.compile(
    r"(?i)\.(?:json|ya?ml|toml|ini|cfg|conf|txt|py|ipynb|log|db|sqlite3?|csv|keys|html?|js|md|sh|zip|gz)$"
)
_WORDS = re.compile(r"[A-Za-z]{2,20}(?:[ ][a-z]{2,20}){1,3}\b")
_MESSAGE = re.compile(
    r"(?:No|Not|Is|Permission|File|Cannot|Could|Connection|Too|Operation|Broken|Invalid|Read-only)[ ][a-z]{1,20}\b|"
    r"(?:no|is|must|cannot|could)[ ](?:[a-z]{1,20}[ ]){1,3}"
)


def _announces(text: str, found: re.Match[str]) -> bool:
    name = found["name"]
    if is_secret(name):
        return not _is_prose(text, found)
    if name == "input_value":
        return True
    before = re.search(r"([A-Za-z]{1,20})[ ]$", text[max(0, found.start() - 21) : found.start()])
    return before is not None and f"{before[1]} {name}".lower() in PAIRS


def _is_prose(text: str, found: re.Match[str]) -> bool:
    """True if the name is a path, or a module in a sentence, and a message about it follows."""
    if found["sign"] != ": ":
        return False
    name, before = found["name"], text[max(0, found.start() - 2) : found.start()]
    if _PATH.search(name) and _WORDS.match(text, found.end()):
        return True
    in_sentence = re.fullmatch(r"([a-z][ ])?", before) is not None and ("_" in name or "." in name)
    return (in_sentence or before[-1:] in {"/", "\\"}) and _MESSAGE.match(text, found.end()) is not None


def _value(text: str, found: re.Match[str]) -> tuple[int, int]:
    """Start and end of the secret that begins here: quoted, in brackets, one word, or a header."""
    start, name = found.end(), found["name"].lower()
    opens = _OPENS.match(text, start)
    if opens is not None:
        return _quoted(text, opens)
    before = text[found.start() - 1 : found.start()]
    if name.startswith("--") and before in {"'", '"'}:
        return start, _end(_INSIDE[before], text, start)
    bare = _BARE.match(text, start)
    word = bare.end("scheme") if bare and bare["scheme"] else start
    if "cookie" in name or ("authorization" in name and ":" in found["sign"]):
        return word, _end(_LINE, text, word)
    if bracket := _BRACKET.match(text, start):
        return start, _end_of_brackets(text, bracket.end())
    return word, bare.end() if bare else word


def _quoted(text: str, opens: re.Match[str]) -> tuple[int, int]:
    sign, start = opens[1], opens.end()
    if len(sign) == 1:
        return start, _end(_INSIDE[sign], text, start)
    end = text.find(sign, start, start + MAX_VALUE)
    return start, end if end >= 0 else min(len(text), start + MAX_VALUE)


def _end_of_brackets(text: str, start: int) -> int:
    """End of the bracket that opens here; an unclosed one ends with the line, or the long text."""
    depth = 0
    for token in _IN_BRACKETS.finditer(text, start):
        depth += (token["open"] is not None) - (token["close"] is not None)
        if depth <= 0 and token["close"]:
            return token.end()
    end = text.find("\n", start)
    return end if end >= 0 and len(text) - start <= MAX_VALUE else len(text)


def _end(inside: re.Pattern[str], text: str, start: int) -> int:
    found = inside.match(text, start)
    return start if found is None else found.end()
