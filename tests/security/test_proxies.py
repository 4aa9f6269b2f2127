"""Consoles and REST interface behind a proxy with TLS, below a path of it, and with a certificate of their own."""

import http.client
import json
import re
import ssl
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from playwright.sync_api import BrowserContext, sync_playwright

from pqkit import queries
from pqkit.auth import Users
from pqkit.queue import Queue, get_queue
from pqkit.security.forwarded_headers import Visitor, visitor
from pqkit.security.permissions import Role, Scope
from pqkit.settings import SettingsError, load
from tests.browser import find_chromium
from tests.consoles import FLAGS, MILLISECONDS, PASSWORD, WIDE, Visit, answers, start
from tests.rest import service, token
from tests.security.proxy import Proxy, make_certificate
from tests.support import PATIENCE, free_port, wait_until

HOST = "jobs.localhost"
PROXY, CLIENT, MADE_UP = "10.0.0.1", "203.0.113.7", "198.51.100.9"


@pytest.mark.parametrize(
    ("peer", "headers", "address", "scheme"),
    [
        (CLIENT, {"X-Forwarded-For": MADE_UP, "X-Forwarded-Proto": "https"}, CLIENT, "http"),
        (CLIENT, {"Forwarded": f"for={MADE_UP};proto=https"}, CLIENT, "http"),
        (PROXY, {}, PROXY, "http"),
        (PROXY, {"X-Forwarded-For": CLIENT, "X-Forwarded-Proto": "https"}, CLIENT, "https"),
        (PROXY, {"X-Forwarded-Proto": "HTTPS"}, PROXY, "https"),
        (PROXY, {"X-Forwarded-For": f"{MADE_UP}, {CLIENT}"}, CLIENT, "http"),
        (PROXY, {"X-Forwarded-For": f"{MADE_UP}, {CLIENT}, 10.0.0.2 ,10.0.0.3"}, CLIENT, "http"),
        (PROXY, {"X-Forwarded-For": f"{CLIENT}, 10.0.0.2", "X-Forwarded-Proto": "https, http"}, CLIENT, "https"),
        (PROXY, {"X-Forwarded-For": f"{MADE_UP}, {CLIENT}", "X-Forwarded-Proto": "https, http"}, CLIENT, "http"),
        (PROXY, {"X-Forwarded-For": "10.0.0.9, 10.0.0.2"}, "10.0.0.9", "http"),
        (PROXY, {"X-Forwarded-For": f"{MADE_UP}, unknown, 10.0.0.2"}, "10.0.0.2", "http"),
        (PROXY, {"X-Forwarded-For": f"{CLIENT}:4711"}, CLIENT, "http"),
        (PROXY, {"X-Forwarded-For": "[2001:db8::7]:4711"}, "2001:db8::7", "http"),
        (f"::ffff:{PROXY}", {"X-Forwarded-For": f"::ffff:{CLIENT}"}, CLIENT, "http"),
        (PROXY, {"X-Forwarded-For": "<script>"}, PROXY, "http"),
        (PROXY, {"X-Forwarded-For": f"{CLIENT}", "X-Forwarded-Proto": "gopher"}, CLIENT, "http"),
        (PROXY, {"X-Real-Ip": MADE_UP, "X-Scheme": "https"}, PROXY, "http"),
        (PROXY, {"Forwarded": f'for={MADE_UP}, For="{CLIENT}:80";by=x;PROTO=https'}, CLIENT, "https"),
        (PROXY, {"Forwarded": 'for="[2001:db8::7]:47"'}, "2001:db8::7", "http"),
        (PROXY, {"Forwarded": "for=_hidden"}, PROXY, "http"),
        (PROXY, {"Forwarded": f"for={MADE_UP}", "X-Forwarded-For": CLIENT}, PROXY, "http"),
        (PROXY, {"Forwarded": f"for={CLIENT};proto=https", "X-Forwarded-For": CLIENT}, CLIENT, "http"),
    ],
)
def test_a_header_is_believed_as_far_as_a_trusted_proxy_has_said_it(
    peer: str, headers: dict[str, str], address: str, scheme: str
) -> None:
    proxies = [ip_network("10.0.0.0/8")]
    found = visitor(Visitor(peer, "http"), lambda name: [headers[name]] if name in headers else [], proxies)
    assert found == (address, scheme)
    assert visitor(Visitor(peer, "http"), lambda name: [headers[name]] if name in headers else [], []) == (peer, "http")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("PROXIES", value) for value in ("localhost", "10.0.0.0/33", "10.0.0.1 10.0.0.2")),
        *(
            ("PUBLIC_URL", value)
            for value in ("jobs.example.org", "ftp://a", "https://u:p@a", "https://a/?x", "https://")
        ),
        *(("PREFIX", value) for value in ("/a/../b", "/a;b", "a b", "/a\r\nb", "//a//b")),
    ],
)
def test_a_setting_that_does_not_fit_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"PQKIT_{name}", value)
    with pytest.raises(SettingsError, match=f"PQKIT_{name}") as refused:
        load()
    assert "\n" not in str(refused.value)


class Town(NamedTuple):
    """Both consoles behind a proxy, each below a path of it."""

    queue: Queue
    ports: dict[str, int]
    url: str


def started(queue: Queue, folder: Path, *words: str, **settings: str) -> tuple[Any, dict[str, int]]:
    """The consoles as a process, which listens."""
    ports = {"ops": free_port(), "manager": free_port()}
    process = start(queue, folder, *words, **ports, **settings)
    wanted = [ports[name] for name in words or ports]
    wait_until(lambda: process.poll() is not None or all(map(answers, wanted)), what="the consoles' start")
    assert process.poll() is None, (folder / "errors").read_text()
    return process, ports


def queue_with_people(folder: Path) -> Queue:
    queue = get_queue(f"sqlite:///{folder}/queue.db")
    for name, role in {"ada": Role.ADMIN, "vera": Role.VIEWER}.items():
        Users(queue.operator()).add(name, PASSWORD, role)
    return queue


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder, port = tmp_path_factory.mktemp("town"), free_port()
    queue, url = queue_with_people(folder), f"https://{HOST}:{port}"
    addresses = {"public_url": f"{url}/pq/", "ops_public_url": f"{url}/watch", "proxies": "127.0.0.1"}
    process, ports = started(queue, folder, ops_login="true", **addresses)
    places = {"/pq": ports["manager"], "/watch": ports["ops"]}
    with Proxy(port, make_certificate(folder, HOST), places):
        yield Town(queue, ports, url)
    process.terminate()
    process.wait(PATIENCE)
    queue.close()


@pytest.fixture
def browser(town: Town) -> Iterator[BrowserContext]:
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no Chromium: tests/browser.py says where one is looked for")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=FLAGS, timeout=MILLISECONDS)
        context = launched.new_context(viewport=WIDE, ignore_https_errors=True)
        context.set_default_timeout(MILLISECONDS)
        yield context
        launched.close()


@pytest.mark.browser
def test_the_manager_lives_below_a_path_of_a_proxy_with_tls(town: Town, browser: BrowserContext) -> None:
    visit = Visit(browser, f"{town.url}/pq/?state=pending")
    visit.log_in("ada")
    visit.page.get_by_role("tab", name="Jobs", exact=True).wait_for()
    assert visit.page.url.startswith(f"{town.url}/pq/?state=pending")
    job = town.queue.enqueue("nobody").id
    visit.cell(job).wait_for()  # by the live connection
    assert {address for address in visit.asked if not address.startswith((f"{town.url}/pq/", "data:", "blob:"))} <= {
        f"{town.url}/favicon.ico"
    }
    cookies = {cookie["name"]: cookie for cookie in browser.cookies()}
    assert {(name.partition("pqkit")[0], cookie["path"]) for name, cookie in cookies.items()} == {
        ("__Secure-", "/pq/"),
        ("__Host-", "/"),
    }
    assert all(each["secure"] and each["httpOnly"] and each["sameSite"] == "Strict" for each in cookies.values())
    visit.press("Log out")
    visit.shows("You are logged out")
    assert visit.page.url.startswith(f"{town.url}/pq/login")
    assert f"__Secure-pqkit_{town.ports['manager']}" not in {cookie["name"] for cookie in browser.cookies()}


@pytest.mark.browser
def test_the_ops_console_asks_for_a_login_and_its_page_ends_with_the_session(
    town: Town, browser: BrowserContext
) -> None:
    visit = Visit(browser, f"{town.url}/watch/")
    visit.log_in("vera")
    visit.page.locator("canvas").first.wait_for()
    Users(town.queue.operator()).set_password("vera", PASSWORD)
    visit.shows("log in again")
    assert visit.page.locator("canvas").count() == 0
    visit.page.reload()
    visit.page.get_by_label("Password").wait_for()


def posted(
    connect: Callable[[], http.client.HTTPConnection], name: str, password: str, **headers: str
) -> http.client.HTTPResponse:
    """The answer to a login."""
    connection = connect()
    connection.request("GET", "/login", headers=headers)
    page = connection.getresponse()
    sign = re.search(r'name="_xsrf" value="([^"]+)', page.read().decode())
    assert sign
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    form = urlencode({"_xsrf": sign[1], "name": name, "password": password, "next": "/?state=failed"})
    cookie = "; ".join(filter(None, (cookie, headers.get("Cookie"))))
    sent = {**headers, "Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/login", form, sent)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def cookie_of(answer: http.client.HTTPResponse) -> str:
    """The session that a login has handed out."""
    cookies = answer.headers.get_all("Set-Cookie") or []
    return next(each.partition(";")[0] for each in cookies if re.match(r"(__Host-)?pqkit_\d", each))


def plain(port: int) -> Callable[[], http.client.HTTPConnection]:
    return lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)


def test_behind_a_proxy_a_guesser_is_slowed_down_and_nobody_else(town: Town) -> None:
    connect = plain(town.ports["manager"])
    guesses = [
        posted(connect, f"nobody{n}", "wrong", **{"X-Forwarded-For": f"10.9.9.{n}, {CLIENT}"}).status for n in range(21)
    ]
    assert guesses == [401] * 20 + [429]
    right = posted(connect, "ada", PASSWORD, **{"X-Forwarded-For": MADE_UP})
    assert (right.status, right.headers["Location"]) == (302, "/pq/?state=failed")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("certificate"), HOST)


def trusting(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    return context


def test_a_console_with_its_own_certificate_speaks_tls_and_believes_no_header(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    queue = queue_with_people(tmp_path)
    tls = {"tls_certificate": str(certificate[0]), "tls_key": str(certificate[1])}
    process, ports = started(queue, tmp_path, "manager", **tls)
    context = trusting(certificate[0])

    def connect() -> http.client.HTTPConnection:
        return http.client.HTTPSConnection("127.0.0.1", ports["manager"], timeout=PATIENCE, context=context)

    try:
        right = posted(connect, "ada", PASSWORD)
        assert right.status == 302
        assert all(
            cookie.startswith("__Host-pqkit_") and "; Secure" in cookie
            for cookie in right.headers.get_all("Set-Cookie")
        )
        said = [posted(connect, f"nobody{n}", "wrong", **{"X-Forwarded-For": f"10.9.{n}.9"}).status for n in range(21)]
        assert said[-1] == 429
    finally:
        process.terminate()
        process.wait(PATIENCE)
        queue.close()


def test_the_rest_interface_puts_the_address_before_the_proxy_on_record(tmp_path: Path) -> None:
    queue = get_queue(f"sqlite:///{tmp_path}/queue.db")
    shown = {"Authorization": f"Bearer {token(queue, Scope.WORK)}", "X-Forwarded-For": f"{MADE_UP}, {CLIENT}"}
    with service(queue.database.url, tmp_path, PROXIES="127.0.0.1", PREFIX="/api") as address:
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=PATIENCE)
        body = json.dumps({"name": "far-1", "tasks": ["add"]})
        connection.request("POST", "/workers", body, {**shown, "Content-Type": "application/json"})
        assert connection.getresponse().read()
        assert [worker.host for worker in queries.workers(queue.database)] == [CLIENT]
        connection.request("GET", "/openapi.json")
        assert json.load(connection.getresponse())["servers"] == [{"url": "/api"}]
        connection.close()
    queue.close()
