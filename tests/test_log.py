import json

import pytest

from pqkit import log
from pqkit.settings import settings


@pytest.fixture(autouse=True)
def configured() -> None:
    settings.cache_clear()
    log.configure()


def test_a_line_has_its_event_and_its_facts(capsys: pytest.CaptureFixture[str]) -> None:
    log.get_logger("worker").info("dequeued", job=7)
    said = capsys.readouterr().out
    assert "dequeued" in said
    assert "job=7" in said


def test_lines_follow_standard_output_wherever_it_leads_now(capsys: pytest.CaptureFixture[str]) -> None:
    """The test before this one had another standard output, which is closed by now."""
    log.get_logger("worker").info("dequeued", job=8)
    assert "job=8" in capsys.readouterr().out


def test_nothing_in_a_line_moves_a_cursor_or_begins_another_line(capsys: pytest.CaptureFixture[str]) -> None:
    log.get_logger("worker").warning("failed", error="a\nb\x1b[2J\u2028c\x85")
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "\x1b[2J" not in said


def test_json_is_a_setting(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PQKIT_LOG_FORMAT", "json")
    settings.cache_clear()
    log.configure()
    log.get_logger("worker").info("dequeued", job=7)
    line = json.loads(capsys.readouterr().out)
    assert (line["event"], line["job"], line["level"], line["component"]) == ("dequeued", 7, "info", "worker")
    settings.cache_clear()


def test_a_stream_that_cannot_be_written_ends_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, _text: str) -> int:
            raise OSError(28, "No space left on device")

        def flush(self) -> None:
            raise OSError(28, "No space left on device")

        def isatty(self) -> bool:
            return False

    monkeypatch.setattr("sys.stdout", Full())
    log.get_logger("worker").info("dequeued")
