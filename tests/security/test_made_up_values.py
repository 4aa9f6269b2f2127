"""Values that no field of a page has, hand-made questions, and the log that they must not fill."""

import json
import logging
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import panel as pn
import panel_material_ui as pmui
import pytest
from bokeh.core.types import ID
from bokeh.util.token import generate_jwt_token
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClosedError, websocket_connect

from dashboards import log_limits, websockets
from dashboards.field_values import event_fits, fits
from pqkit.lab.harness import console_sessions
from pqkit.lab.harness.console_sessions import Session, Site
from tests.consoles import Consoles
from tests.security.attack import ask, document_of, in_session, is_hung_up_on, log_in, run
from tests.security.test_sessions import token_of

CHOICE = pmui.Select(options=["all", "images"], value="all")
GROUPED = pmui.Select(options={"one": 1, "two": 2}, value=1)
SEVERAL = pmui.MultiSelect(options=["a", "b"], value=["a"])
PRESSED = pmui.RadioButtonGroup(options=["1 min", "1 h"], value="1 h")
SLIDER, RANGE = pmui.IntSlider(start=1, end=9, value=5), pmui.RangeSlider(start=1, end=9, value=(2, 3))
TABS = pmui.Tabs(("a", pn.Spacer()), ("b", pn.Spacer()))
TEXT, TICK, BUTTON = pmui.TextInput(value="a"), pmui.Checkbox(value=True), pmui.Button(label="Go")
GOOD = [
    (CHOICE, "value", "images"),
    (SEVERAL, "value", ["b", "a"]),
    (SEVERAL, "value", []),
    (PRESSED, "value", "1 min"),
    (PRESSED, "active", 1),
    (SLIDER, "value", 9),
    (RANGE, "value", [1, 9]),
    (TABS, "active", 1),
    (TEXT, "value", "any words"),
    (TICK, "value", False),
    (BUTTON, "clicks", 3),
]
MADE_UP = [
    (CHOICE, "value", "made up"),
    (CHOICE, "value", None),
    (CHOICE, "value", ["all"] * 2 + [[]]),
    (GROUPED, "value", 3),
    (SEVERAL, "value", ["a", "c"]),
    (PRESSED, "value", "2 h"),
    (PRESSED, "active", 2),
    (PRESSED, "active", -1),
    (PRESSED, "active", True),
    (SLIDER, "value", 0),
    (SLIDER, "value", 10),
    (SLIDER, "value", "5"),
    (RANGE, "value", [1, 10]),
    (TABS, "active", 2),
    (TABS, "active", -1),
    (TEXT, "value", 1),
    (TEXT, "value", ["a"]),
    (TICK, "value", "yes"),
    (BUTTON, "clicks", -1),
    (BUTTON, "clicks", "many"),
]


def data_of(part: Any) -> Any:
    """The model that holds the values of a part."""
    return part.get_root().data


@pytest.mark.parametrize(("part", "name", "value"), GOOD)
def test_a_field_takes_what_a_person_can_choose(part: Any, name: str, value: Any) -> None:
    assert fits(data_of(part), name, value)


@pytest.mark.parametrize(("part", "name", "value"), MADE_UP)
def test_a_field_takes_nothing_that_is_not_on_offer(part: Any, name: str, value: Any) -> None:
    assert not fits(data_of(part), name, value)


def test_an_event_has_the_details_that_the_server_reads() -> None:
    button, menu = BUTTON.get_root(), CHOICE.get_root()
    assert event_fits("dom_event", {"model": button, "node": "click"})
    assert not event_fits("dom_event", {"model": button, "node": "msg"})
    assert not event_fits("data_event", {"model": menu, "data": 1})
    assert not event_fits("data_event", {})
    assert event_fits("selection-change", {"indices": [0, 1]})
    assert not event_fits("selection-change", {"indices": ["a"]})
    assert not event_fits("selection-change", {"indices": [-1]})
    assert not event_fits("cell-click", {"model": button, "row": 0, "column": "Job"})


def log_of(folder: Path) -> bytes:
    return (folder / "output").read_bytes() + (folder / "errors").read_bytes()


def strange_changes(session: Session) -> list[dict[str, Any]]:
    """One for each field of the page that may be set."""
    names = ("value", "active", "clicks", "search", "indices", "dark_theme")
    return [
        {"kind": "ModelChanged", "model": {"id": model}, "attr": name, "new": "made up"}
        for model, attributes in session.models.items()
        for name in names
        if name in attributes and not isinstance(attributes[name], str)
    ]


def strange_events(session: Session) -> list[dict[str, Any]]:
    """Details that nobody can click on, for each model."""
    said = [("cell-click", [["row", 10**9], ["column", "no"]]), ("dom_event", [["node", "msg"], ["data", 1]])]
    said += [("data_event", [["data", 1]]), ("selection-change", [["indices", ["a"]]])]
    return [
        {
            "kind": "MessageSent",
            "msg_type": "bokeh_event",
            "msg_data": {
                "type": "event",
                "name": name,
                "values": {"type": "map", "entries": [["model", {"id": model}], *values]},
            },
        }
        for model in list(session.models)[:50]
        for name, values in said
    ]


@pytest.mark.parametrize("console", ["ops", "manager"])
def test_made_up_values_change_nothing_and_leave_no_line_in_the_log(
    consoles: Consoles, folder: Path, console: str
) -> None:
    port = consoles.ports[console]
    before = log_of(folder)

    async def send(session: Session) -> str:
        choice = next(key for key, a in session.models.items() if isinstance(a.get("options"), list))
        made_up = {"kind": "ModelChanged", "model": {"id": choice}, "attr": "value", "new": "made up"}
        await console_sessions.ask(session.connection, "PATCH-DOC", json.dumps({"events": [made_up] * 5}))
        return await document_of(session)

    assert "made up" not in in_session(log_in(port, "vera") if console == "manager" else Site(port), send)
    assert log_of(folder) == before


@pytest.mark.parametrize("strange", [strange_changes, strange_events])
@pytest.mark.parametrize("console", ["ops", "manager"])
def test_who_goes_on_sending_them_is_hung_up_on_without_a_line_in_the_log(
    consoles: Consoles, folder: Path, console: str, strange: Any
) -> None:
    site = log_in(consoles.ports[console], "vera") if console == "manager" else Site(consoles.ports[console])
    before = log_of(folder)

    async def send(session: Session) -> None:
        events = strange(session)
        for _ in range(websockets.MOST_UNFIT // len(events) + 1):
            await console_sessions.ask(session.connection, "PATCH-DOC", json.dumps({"events": events}))

    assert is_hung_up_on(site, send)
    assert log_of(folder) == before


def test_a_page_that_asks_for_its_whole_document_over_and_over_is_hung_up_on(consoles: Consoles) -> None:
    async def ask_on(session: Session) -> None:
        for _ in range(websockets.DOCUMENTS):
            await document_of(session)

    assert is_hung_up_on(Site(consoles.ports["ops"]), ask_on)


async def is_answered(line: Any) -> bool:
    """Whether a change is taken there; false where the other side has hung up."""
    with suppress(WebSocketClosedError):
        await console_sessions.ask(line, "PATCH-DOC", '{"events": []}')
    while (said := await line.read_message()) is not None:
        if '"OK"' in said:
            return True
    return False


def test_one_page_holds_only_so_many_live_connections(consoles: Consoles) -> None:
    port = consoles.ports["ops"]
    token = token_of(ask(port, "/").body)

    async def open_all() -> list[bool]:
        lines = [
            await websocket_connect(HTTPRequest(f"ws://127.0.0.1:{port}/ws"), subprotocols=["bokeh", token])
            for _ in range(websockets.LINES + 2)
        ]
        heard = [await is_answered(line) for line in lines]
        for line in lines:
            line.close()
        return heard

    assert run(open_all) == [True] * websockets.LINES + [False] * 2


def test_a_live_connection_makes_no_session_beyond_those_that_pages_made() -> None:
    token = generate_jwt_token(ID("mine"), secret_key="k", signed=True)

    def has_session(*open_ones: str) -> bool:
        line: Any = object.__new__(websockets.Prompt)
        line.request = SimpleNamespace(headers={"Sec-WebSocket-Protocol": f"bokeh, {token}"})
        line.application_context = SimpleNamespace(sessions=[SimpleNamespace(id=name) for name in open_ones])
        return bool(line._has_session())

    assert has_session("other", "mine")
    assert not has_session("other")
    assert not has_session()


@pytest.fixture
def log() -> logging.Logger:
    logger = logging.Logger("a library")
    logger.addHandler(handler := Kept())
    handler.addFilter(log_limits.Limit())
    return logger


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def lines_of(log: logging.Logger) -> list[str]:
    (handler,) = log.handlers
    assert isinstance(handler, Kept)
    return handler.lines


def test_the_log_takes_only_so_many_lines_of_a_kind_and_says_how_many_it_left_out(
    log: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(500):
        log.error("line %d", number)
    log.warning("another kind")
    assert len(lines_of(log)) == log_limits.LINES + 1
    monkeypatch.setattr(log_limits.Throttle, "wait", lambda _: 0.0)
    log.error("at last")
    assert lines_of(log)[-1] == f"at last ({500 - log_limits.LINES} more such lines were left out)"


def test_a_line_of_the_log_is_bounded_and_holds_no_secret(log: logging.Logger) -> None:
    log.error("message: %r", {"password": "hunter2", "text": "x" * 100_000})
    (line,) = lines_of(log)
    assert len(line) <= log_limits.MOST_CHARS
    assert "hunter2" not in line


def test_what_a_stranger_sends_moves_no_cursor_and_forges_no_line(log: logging.Logger) -> None:
    strange = "A\x1b[31m\x07\n2026-11-30 forged\u202e"
    error = ValueError(strange)
    log.error("error: %s", error, exc_info=error)
    (text,) = lines_of(log)
    assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert [line for line in text.splitlines() if line.startswith("2026")] == []
    assert "  ValueError: A" in text
