"""Reports that nobody reads hold bounded memory: one person's as much as one report may be, all together four times."""

import asyncio
import socket
from contextlib import ExitStack, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, HTTPError

from dashboards.manager import reports
from dashboards.manager.reports import ADDRESS, MOST_BYTES, Report, ReportRoom
from pqkit.files import private_folder
from pqkit.notebook.run_store import REPORT, Run
from pqkit.settings import settings


def test_one_person_holds_as_much_as_one_report_may_be() -> None:
    room = ReportRoom()
    with room.hold("vera", MOST_BYTES - 1):
        with pytest.raises(HTTPError, match="503"), room.hold("vera", 2):
            pass
        with room.hold("olga", MOST_BYTES):
            pass
    with room.hold("vera", MOST_BYTES):
        pass


def test_all_together_hold_four_times_that() -> None:
    room = ReportRoom()
    with ExitStack() as held:
        for number in range(4):
            held.enter_context(room.hold(f"person {number}", MOST_BYTES))
        with pytest.raises(HTTPError, match="503"), room.hold("ada", 1):
            pass


def test_a_report_that_is_not_read_makes_its_person_wait_until_it_is_hung_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "20260101-000000-a"
    monkeypatch.setenv("PQKIT_RUNS", str(tmp_path))
    settings.cache_clear()
    monkeypatch.setattr(reports, "room", ReportRoom())
    folder = private_folder(tmp_path / name)
    Run("a.ipynb", {}, {}, 0, verdict="passed").write(folder)
    (folder / REPORT).write_bytes(b"x" * (MOST_BYTES - 1))
    answers = asyncio.run(_ask(name))
    settings.cache_clear()
    assert [answer.split(" ", 2)[1] for answer in answers] == ["200", "503", "200"]


async def _ask(name: str) -> list[str]:
    """What three requests are answered: the second while the first is not read, the third when that has gone."""

    async def vera(_: object) -> str:
        return "vera"

    listener, port = bind_unused_port()
    application = Application([(rf"/runs/{ADDRESS.rpartition('/')[2]}", Report)])
    application.auth_provider = SimpleNamespace(get_user_async=vera)  # type: ignore[attr-defined]
    server = HTTPServer(application)
    server.add_socket(listener)
    answers, lines = [], []
    try:
        for ask in range(3):
            while ask == 2 and reports.room._held.total():
                await asyncio.sleep(0.01)
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_000, family=socket.AF_INET)
            writer.write(f"GET /runs/{name} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            answers.append((await reader.readline()).decode().strip())
            lines.append(writer)
            if ask == 1:
                lines[0].transport.abort()
    finally:
        for writer in lines:
            with suppress(Exception):
                writer.transport.abort()
        server.stop()
        await server.close_all_connections()
    return answers
