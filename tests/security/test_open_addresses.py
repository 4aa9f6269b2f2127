"""On another address than loopback nothing is open, and nothing goes in clear, unless the operator has said so."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from pqkit.cli.dashboards import load, origins
from pqkit.queue import Queue, get_queue
from pqkit.security import service_addresses
from pqkit.security.service_addresses import Exposed, Service
from pqkit.settings import Settings
from tests.consoles import answers, start
from tests.rest import service
from tests.security.proxy import make_certificate
from tests.support import PATIENCE, free_port, wait_until

REPO = Path(__file__).parent.parent.parent
HTTPS = {"PUBLIC_URL": "https://jobs.example.org", "PROXIES": "10.0.0.1"}
EVERYWHERE = "0.0.0.0"


def wanted(monkeypatch: pytest.MonkeyPatch, **said: str) -> Settings:
    for name, value in said.items():
        monkeypatch.setenv(f"PQKIT_{name}", value)
    return Settings()


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ({}, set()),
        ({"HOST": "localhost"}, set()),
        ({"HOST": "127.9.9.9"}, set()),
        ({"HOST": "::1"}, set()),
        ({"HOST": EVERYWHERE}, {"manager", "ops", "api"}),
        ({"HOST": "::"}, {"manager", "ops", "api"}),
        ({"HOST": ""}, {"manager", "ops", "api"}),
        ({"HOST": "192.0.2.1"}, {"manager", "ops", "api"}),
        ({"HOST": EVERYWHERE, "OPS_OPEN": "true"}, {"manager", "api"}),
        ({"HOST": EVERYWHERE, "OPS_LOGIN": "true"}, {"manager", "ops", "api"}),
        ({"HOST": EVERYWHERE, "PLAIN_HTTP": "true"}, {"ops"}),
        ({"HOST": EVERYWHERE, "PLAIN_HTTP": "true", "OPS_LOGIN": "true"}, set()),
        ({"HOST": EVERYWHERE, "OPS_LOGIN": "true", **HTTPS}, set()),
        ({"HOST": EVERYWHERE, "OPS_LOGIN": "true", "PUBLIC_URL": HTTPS["PUBLIC_URL"]}, {"manager", "ops", "api"}),
        ({"OPS_PUBLIC_URL": "https://ops.example.org"}, {"ops"}),
        ({"OPS_PUBLIC_URL": "https://ops.example.org", "OPS_OPEN": "true"}, set()),
    ],
)
def test_a_service_that_would_be_exposed_is_refused_with_the_ways_out(
    monkeypatch: pytest.MonkeyPatch, said: dict[str, str], refused: set[str]
) -> None:
    settings, found = wanted(monkeypatch, **said), {}
    for one in Service:
        try:
            service_addresses.check(settings, one)
        except Exposed as error:
            found[str(one)] = str(error)
    assert found.keys() == refused
    assert not any("\n" in line for line in found.values())


def test_a_certificate_is_enough_and_one_that_does_not_fit_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate, key = make_certificate(tmp_path, "jobs.localhost")
    tls = {"HOST": EVERYWHERE, "OPS_LOGIN": "true", "TLS_CERTIFICATE": str(certificate)}
    key.chmod(0o644)
    with pytest.raises(
        service_addresses.PqkitError, match=f"others may read the key of the certificate in {key}: chmod 600"
    ):
        service_addresses.check(wanted(monkeypatch, **tls, TLS_KEY=str(key)), Service.OPS)
    key.chmod(0o600)
    for one in Service:
        service_addresses.check(wanted(monkeypatch, **tls, TLS_KEY=str(key)), one)
    os.mkfifo(tmp_path / "pipe", 0o600)
    for wrong in (tmp_path / "nowhere.pem", certificate, REPO / "README.md", tmp_path / "pipe"):
        with pytest.raises(service_addresses.PqkitError, match=r"certificate|TLS") as refused:
            service_addresses.check(wanted(monkeypatch, **tls, TLS_KEY=str(wrong)), Service.API)
        assert "\n" not in str(refused.value)
    monkeypatch.delenv("PQKIT_TLS_CERTIFICATE")
    with pytest.raises(service_addresses.PqkitError, match="PQKIT_TLS_CERTIFICATE"):
        service_addresses.check(wanted(monkeypatch, HOST="127.0.0.1"), Service.API)


def ended(folder: Path, *words: str, **said: str) -> tuple[int, str]:
    """Exit code and errors of a command that must not get far."""
    environment = {**os.environ, "PQKIT_URL": f"sqlite:///{folder}/queue.db"}
    environment |= {f"PQKIT_{name}": value for name, value in said.items()}
    for name in ("OPS", "MANAGER", "API"):
        environment[f"PQKIT_{name}_PORT"] = str(free_port())
    command = [sys.executable, "-m", "pqkit", *words]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("words", "ways"),
    [
        (("dashboards", "ops"), {"PQKIT_OPS_LOGIN", "PQKIT_OPS_OPEN"}),
        (("dashboards", "manager"), {"PQKIT_TLS_CERTIFICATE", "PQKIT_PUBLIC_URL", "PQKIT_PLAIN_HTTP"}),
        (("api",), {"PQKIT_TLS_CERTIFICATE", "PQKIT_PUBLIC_URL", "PQKIT_PLAIN_HTTP"}),
        (("up",), {"PQKIT_OPS_LOGIN", "PQKIT_OPS_OPEN"}),
    ],
)
def test_every_way_to_start_a_service_refuses(tmp_path: Path, words: tuple[str, ...], ways: set[str]) -> None:
    code, said = ended(tmp_path, *words, HOST=EVERYWHERE)
    assert code == 2
    assert said.count("\n") == 1
    assert all(way in said for way in ways)


@pytest.mark.parametrize(
    ("said", "levels"),
    [
        ({}, ["ok", "ok"]),
        ({"HOST": EVERYWHERE}, ["warn", "warn"]),
        ({"HOST": EVERYWHERE, "OPS_OPEN": "true", "PLAIN_HTTP": "true"}, ["warn", "warn"]),
        ({"HOST": EVERYWHERE, "OPS_LOGIN": "true", **HTTPS}, ["ok", "ok"]),
        ({"OPS_PUBLIC_URL": "http://ops.example.org", "OPS_OPEN": "true"}, ["warn", "ok"]),
    ],
)
def test_the_doctor_names_what_is_open(
    monkeypatch: pytest.MonkeyPatch, said: dict[str, str], levels: list[str]
) -> None:
    from pqkit.cli.doctor.service_checks import look

    found = list(look(wanted(monkeypatch, **said)))
    assert [finding.check for finding in found] == ["ops console", "network"]
    assert [finding.level for finding in found] == levels
    assert all(bool(finding.mend) == (finding.level != "ok") for finding in found)


def test_pages_of_the_public_address_may_open_a_live_connection() -> None:
    own = ["127.0.0.1:8501", "localhost:8501", "manager.localhost:8501", "ops.localhost:8501"]
    assert origins("127.0.0.1", 8501) == own
    assert "jobs.example.org:80" in origins("127.0.0.1", 8501, "https://jobs.example.org/pq")
    assert "jobs.example.org:8443" in origins("127.0.0.1", 8501, "https://jobs.example.org:8443")
    assert socket.gethostname() + ":8501" in origins(EVERYWHERE, 8501)


def test_links_between_the_consoles_lead_to_the_public_address(monkeypatch: pytest.MonkeyPatch) -> None:
    load(REPO / "dashboards")
    from dashboards.ops import investigate

    monkeypatch.setattr(
        investigate, "settings", lambda: wanted(monkeypatch, PUBLIC_URL="https://jobs.example.org", PREFIX="/pq/")
    )
    assert "href='https://jobs.example.org/pq/?job=7'" in investigate.link("?job=7", "Look")


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A manager console whose database goes away: (its address, its folder)."""
    folder = tmp_path_factory.mktemp("away")
    queue, ports = get_queue(f"sqlite:///{folder}/data/queue.db"), {"ops": free_port(), "manager": free_port()}
    process = start(queue, folder, **ports)
    wait_until(lambda: process.poll() is not None or all(map(answers, ports.values())), what="the consoles' start")
    queue.close()
    yield ports, folder
    process.terminate()
    process.wait(PATIENCE)


def test_a_stranger_is_not_told_where_the_database_is(manager: Any) -> None:
    ports, folder = manager
    (folder / "data").rename(folder / "elsewhere")
    try:
        address = f"http://127.0.0.1:{ports['manager']}"
        with urlopen(f"{address}/login", timeout=PATIENCE) as page:
            cookie, text = page.headers["Set-Cookie"].partition(";")[0], page.read().decode()
        sign = re.search(r'name="_xsrf" value="([^"]+)', text)
        assert sign
        form = urlencode({"_xsrf": sign[1], "name": "ada", "password": "whatever"}).encode()
        shown = {"Cookie": f"{cookie}; pqkit_{ports['manager']}=something"}
        for path, body in (("/login", form), ("/logout", None), ("/", None)):
            with pytest.raises(HTTPError, match="503") as refused:
                urlopen(Request(f"{address}{path}", body, shown), timeout=PATIENCE)
            said = refused.value.read().decode() + str(refused.value.headers) + refused.value.reason
            assert "queue.db" not in said
            assert str(folder) not in said
    finally:
        (folder / "elsewhere").rename(folder / "data")


@pytest.mark.sqlite
def test_a_stranger_of_the_rest_interface_is_not_told_either(queue: Queue, tmp_path: Path) -> None:
    place = queue.database.path
    with service(queue.database.url, tmp_path) as address:
        place.rename(place.with_suffix(".elsewhere"))
        try:
            for path in ("/readyz", "/jobs"):
                with pytest.raises(HTTPError) as refused:
                    urlopen(f"{address}{path}", timeout=PATIENCE)
                said = refused.value.read().decode()
                assert place.name not in said
                assert json.loads(said)["status"] in {401, 503}
        finally:
            place.with_suffix(".elsewhere").rename(place)
