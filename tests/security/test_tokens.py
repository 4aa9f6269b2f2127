"""A token that this server did not sign is not read: it can neither freeze the console nor fill its memory."""

import base64
import json
import time
import zlib
from pathlib import Path

import psutil
import pytest
from bokeh.util.token import generate_jwt_token, generate_session_id

from dashboards import session_tokens
from tests.consoles import Consoles
from tests.security.attack import log_in, upgrade

KEY = "the server's key"
MEGABYTE = 1024 * 1024
SAID = {"headers": {"Host": "127.0.0.1:8501"}, "cookies": {}, "arguments": {"job": [b"7"]}}


def signed(key: str = KEY, **more: object) -> str:
    session = generate_session_id(key.encode(), signed=True)
    return generate_jwt_token(session, key.encode(), signed=True, extra_payload={**SAID, **more})


def bomb(size: int, open_brackets: bool = False) -> str:
    text = b"[" * size if open_brackets else b'{"headers":"' + b"0" * size + b'"}'
    packed = base64.urlsafe_b64encode(zlib.compress(text, 9)).decode().rstrip("=")
    said = json.dumps({"session_id": "a.b", "session_expiry": 9e9, session_tokens.PACKED: packed})
    return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")


def test_a_token_of_this_server_is_read() -> None:
    found = session_tokens.read(signed(), KEY)
    assert found
    assert found["headers"] == SAID["headers"]
    assert session_tokens.read(signed(), KEY.encode()) == found


@pytest.mark.parametrize(
    "token",
    ["", ".", "x", "é.x", "x.é", signed("another key"), signed()[:-1], f"x{signed()}", bomb(1000), bomb(1000) + ".x"],
)
def test_any_other_is_not(token: str) -> None:
    assert session_tokens.read(token, KEY) is None


def test_nothing_is_inflated_before_the_signature_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_tokens, "_inflate", lambda _: pytest.fail("it was inflated"))
    assert session_tokens.read(bomb(10 * MEGABYTE) + ".x", KEY) is None


def test_not_even_an_own_token_is_inflated_to_more_than_its_bound() -> None:
    assert session_tokens.read(signed(more="0" * 10 * session_tokens.MOST_BYTES), KEY) is None


@pytest.mark.parametrize("open_brackets", [False, True], ids=["long", "deep"])
def test_a_small_token_that_comes_to_much_is_refused_and_costs_nothing(consoles: Consoles, open_brackets: bool) -> None:
    for port in consoles.ports.values():
        before = _most_memory(consoles.process)
        for size in (MEGABYTE, 9 * MEGABYTE):
            token = f"{bomb(size, open_brackets)}.x"
            answer = upgrade(port, token, Cookie=f"pqkit_{port}=whatever")
            assert answer.status == 403
        assert _most_memory(consoles.process) - before < 5 * MEGABYTE


def test_the_console_answers_on_while_such_tokens_come(consoles: Consoles) -> None:
    port = consoles.ports["manager"]
    ada = log_in(port, "ada")
    began = time.process_time()
    used = sum(psutil.Process(consoles.process.pid).cpu_times()[:2])
    for _ in range(10):
        assert upgrade(port, f"{bomb(9 * MEGABYTE)}.x", **ada.headers).status == 403
    assert sum(psutil.Process(consoles.process.pid).cpu_times()[:2]) - used < 5 + time.process_time() - began


def _most_memory(process: "psutil.Popen") -> int:
    """The most bytes that the process has held at any time."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
