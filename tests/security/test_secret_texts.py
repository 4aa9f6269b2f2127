"""Secrets in texts and structures of every shape are hidden, and messages that only name them stay."""

import json
from time import process_time

import pytest

from pqkit.redaction.redact import public, redact
from pqkit.redaction.redact_texts import starred
from tests.security.test_secrets import S

LONG = "y" * 70_000
TEXTS = [
    r"""sent {"password": ["p", "hunter2"]}""",
    '{"password": {"a": "hunter2"}}',
    "x {'password': {'a': 'hunter2'}} y",
    "secrets={'a': 'hunter2'}",
    "passwords: ['aaa', 'hunter2zz']",
    "passwords: ['aaa', 'hunter2zz'",
    r"x {\"password\": [\"p\", \"hunter2\"]}",
    "creds=Credentials(user='x', code='hunter2')",
    "['false','--user','x','--password=hunter2zz','--host','h']",
    "b'password=hunter2zz'",
    "['--password=my hunter2', 'x']",
    "password\n  Input should be a valid integer [type=int_parsing, input_value='hunter2', input_type=str]",
    "a\n  Input x [type=int_parsing, input_value={'a': 'x...hunter2, input_type=str]",
    "password:                     hunter2",
    "password:\u00a0hunter2",
    "password\u00a0=\u00a0'x hunter2'",
    "password:\n  hunter2",
    "db:\n  password: |\n    hunter2\n    hunter2\n  a: 1",
    "tokens_of_x: 1\npasswords:\n- aaa\n- hunter2\nb: 1",
    'x {\n "password":\n   "hunter2",\n "b": 1',
    'x {\n "password": [\n   "a",\n   "hunter2"\n ]',
    'password="""my hunter2"""',
    "password='''hunter2'''",
    "password=\u201cmy hunter2\u201d",
    "password: \u2018my hunter2\u2019",
    "\u201cpassword\u201d: \u201chunter2\u201d",
    "**password**: hunter2",
    "**password:** hunter2",
    "`password`: hunter2",
    "\x1b[1mpassword\x1b[0m: \x1b[31mhunter2\x1b[0m",
    "pass\x1b[1mword=hunter2",
    "password[0]=hunter2",
    "password['a']=hunter2",
    "https://h/?next=%2Fx%3Fpassword%3Dhunter2",
    "password%3Dhunter2",
    "a%26token%3Dhunter2%26b",
    "('password', 'hunter2')",
    '["user", "x", "password", "hunter2"]',
    'x {"value": "hunter2", "name": "password"} y',
    "{'value': 'my hunter2', 'name': 'password'}",
    "<password>hunter2</password>",
    '<ns:password type="x">my hunter2</ns:password>',
    "ALTER ROLE x WITH PASSWORD 'hunter2'",
    'CREATE USER x IDENTIFIED BY "hunter2"',
    "SecretStr('hunter2')",
    'Digest username="u", realm="r", response="hunter2", x="y"',
    "Proxy-Authorization: Custom a hunter2",
    "Authorization: AWS4 Credential=a, Signature=hunter2",
    "pass\u200bword=hunter2",
    "pass\u00adword: hunter2",
    "password\uff1ahunter2",
    "password\uff1dhunter2",
    "\uff50assword=hunter2",
    '  {"password": "hunter2"}',
    '{"name": "password", "default": "hunter2"} x',
    "x id=password, data=hunter2",
    'password=""hunter2""',
    json.dumps({"a": LONG, "password": {"x": ["hunter2"]}}),
    "password={'a': 'it's', 'b': 'hunter2'}",
    "mysql -u root -phunter2 -h x",
    "sshpass -p hunter2 ssh h",
    "docker login -u x -p hunter2 h",
    "redis-cli -h x -a hunter2",
    "curl -s -u admin:hunter2 https://h",
    "curl --user 'admin:hunter2' https://h",
    "requests.get(u, auth=HTTPBasicAuth('u', 'hunter2'))",
    '<property name="password" value="hunter2"/>',
    '<input value="hunter2" name="password"/>',
    '<add key="password" value="hunter2"/>',
    "&quot;password&quot;:&quot;hunter2&quot;",
    r"password\u003dhunter2",
    r"""x {"pass\u0077ord": "hunter2"}""",
    "a\n| password | hunter2 |\nb",
    "machine h login u password hunter2",
    "jdbc:oracle:thin:scott/hunter2@h",
    "https://api.telegram.org/bot123456:hunter2/send",
    "token: !vault hunter2",
]
MESSAGES = [
    "cannot write nodir/secret.keys: No such file or directory",
    "cannot import the tasks in no_session: No module named 'no_session'",
    "secrets.json: truncated file",
    "no_session: No module named 'no_session'",
    "the `<password>` of it and <token> is</b>",
    "error in password_file: x",
    "a\npasswords are long:\n  x",
    "stop_tokens: ['a', 'b']",
    "mysql: the option -p was not given",
    "curl -u x failed: no host",
    "| name | value |",
    '<item name="count" value="3"/>',
    "order 4111-1111-2222-3333 and id 4111111122223333",
    "a &amp; b &lt;c&gt; \\u0041",
    '{"tokens": 12, "key_points": ["a"], "eos_token": "</s>"}',
]
NAMES = ["id", "label", "attribute", "var", "setting", "property", "option", "arg", "key", "path", "name"]
VALUES: list[object] = [
    {"k": "password", "v": S},
    {"name": "password", "default": S},
    {"name": "password", "data": S},
    {"name": "PASSWORD", "valueFrom": {"a": S}},
    ["user", "x", "password", S],
    ("password", S),
    {f"password={S}": 1},
    {"a": {f"https://u:{S}@h": 1, f"https://u:{S}s@h": 2}},
    {"body": f' {{"password": "{S}"}}'},
    {"body": json.dumps({"x": LONG, "creds": {"a": [S]}})},
    *({name: "db_password", "value": S} for name in NAMES),
]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text)[:60])
def test_no_shape_of_a_text_shows_a_secret(text: str) -> None:
    shown = redact(text)
    assert S not in shown
    assert redact(shown) == shown


@pytest.mark.parametrize("text", MESSAGES, ids=lambda text: ascii(text)[:60])
def test_messages_that_only_name_a_secret_stay(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value)[:60])
def test_no_structure_shows_a_secret(value: object) -> None:
    shown = public(value)
    assert S not in str(shown)
    assert public(shown) == shown


def test_keys_that_look_the_same_without_their_secrets_stay_apart() -> None:
    assert len(public({f"https://u:{S}@h": 1, "https://u:other@h": 2})) == 2


def test_what_stands_beside_a_secret_stays() -> None:
    assert redact("run ['--password=a', '--host', 'h'] now") == "run ['--password=***', '--host', 'h'] now"
    assert redact('sent {"password": ["a", "b"], "n": 1} to h') == 'sent {"password": ***, "n": 1} to h'
    assert redact('Authorization: Digest a, response="b"\nport: 1') == "Authorization: Digest ***\nport: 1"
    assert redact("db:\n  password:\n    a\n  port: 1") == "db:\n  password:\n    ***\n  port: 1"
    assert redact("\x1b[1mport\x1b[0m: 1\u00a0\u201cx\u201d") == "\x1b[1mport\x1b[0m: 1\u00a0\u201cx\u201d"


def test_the_number_of_a_card_is_known_by_its_check_digit() -> None:
    assert redact("card 4111 1111 1111 1111, 5500-0000-0000-0004 and 378282246310005") == "card ***, *** and ***"


@pytest.mark.parametrize(
    "piece", ["curl -u ", "mysql ", "| token | ", "4111 ", '"name" ', "&quot;", "\\u0022", "name='a' "]
)
def test_long_texts_take_linear_time(piece: str) -> None:
    """Four times the text takes about four times as long; with a quadratic pattern it would be 16 times."""
    times = []
    for size in (40_000, 160_000):
        text = piece * (size // len(piece))
        took = []
        for _ in range(3):
            began = process_time()
            starred(text)
            took.append(process_time() - began)
        times.append(min(took))
    assert times[1] < 10 * times[0] + 0.05
