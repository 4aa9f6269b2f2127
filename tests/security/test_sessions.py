"""A session of a page belongs to the login that opened it, and nobody builds anything into a page."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

from pqkit.lab.harness.console_sessions import Session, Site
from tests.consoles import PASSWORD, Consoles
from tests.security.attack import (
    ask,
    document_of,
    in_session,
    is_hung_up_on,
    log_in,
    say,
    site_of_the_attacker,
    upgrade,
)
from tests.support import wait_until

FORM = "application/x-www-form-urlencoded"
MARKUP = "<img src=x onerror=document.title='taken'>"
SCRIPT = "</script><script>document.title='taken'</script>"


def token_of(page: bytes) -> str:
    found = re.search(rb'"token":"([^"]+)"', page)
    assert found
    return found[1].decode()


@pytest.fixture(params=["ops", "manager"])
def site(consoles: Consoles, request: pytest.FixtureRequest) -> Site:
    """Each console, for somebody who may only look."""
    port = consoles.ports[request.param]
    return log_in(port, "vera") if request.param == "manager" else Site(port)


def test_a_session_cannot_be_chosen(site: Site) -> None:
    token = token_of(ask(site.port, "/", **site.headers).body)
    for query in (
        "bokeh-session-id=abc",
        f"bokeh-token={token}",
        "Bokeh-Session-Id=abc",
        "a=b&bokeh%2Dsession%2Did=abc",
    ):
        assert ask(site.port, f"/?{query}", **site.headers).status == 403, query
        assert ask(site.port, "/", body=query, Content_Type=FORM, **site.headers).status == 403, query
    assert ask(site.port, "/", Bokeh_Session_Id="abc", **site.headers).status == 403
    assert ask(site.port, "/login?next=/?bokeh-session-id=abc", **site.headers).status == 403
    assert ask(site.port, "/login?next=%2F%3Fbokeh-token%3Dabc", **site.headers).status == 403


def root(name: str) -> dict[str, Any]:
    return {"type": "object", "name": "Div", "id": name, "attributes": {"text": MARKUP}}


BUILT = {
    "a root": {"kind": "RootAdded", "model": root(f"p1{SCRIPT}")},
    "a root with a name as ours": {"kind": "RootAdded", "model": root("p999999")},
    "a root taken away": {"kind": "RootRemoved", "model": {"id": "p1001"}},
    "a title": {"kind": "TitleChanged", "title": SCRIPT},
    "new data": {"kind": "ColumnDataChanged", "model": {"id": "p1001"}, "attr": "data", "data": {}, "cols": None},
    "no event": {"kind": "Nothing"},
}


@pytest.mark.parametrize("event", BUILT.values(), ids=BUILT.keys())
def test_who_builds_something_into_a_document_is_hung_up_on(site: Site, event: dict[str, Any]) -> None:
    assert is_hung_up_on(site, lambda session: say(session, event))


@pytest.mark.parametrize("message", ["PUSH-DOC", "SERVER-INFO-REQ", "OK", "NOTHING"])
def test_no_message_is_taken_but_questions_and_changes(site: Site, message: str) -> None:
    assert is_hung_up_on(site, lambda session: say(session, kind=message))


def test_what_makes_a_page_is_not_changed_from_a_browser(site: Site) -> None:
    names = ("esm", "text", "html", "code", "object", "stylesheets", "css_classes", "js_property_callbacks", "disabled")
    names += ("sx", "label", "options", "tags", "name", "subscribed_events", "theme_config", "importmap", "drawing")
    values: list[Any] = [MARKUP, True, [MARKUP], root("p999999"), {"type": "map", "entries": [["a", MARKUP]]}]

    said = [(name, new) for name in names for new in values]
    said += [("value", new) for new in (root("p999999"), [root("p999999")])]  # a value may be set, no model
    for start in range(0, len(said), 10):  # more that do not fit end the connection

        async def change(session: Session, some: list[tuple[str, Any]] = said[start : start + 10]) -> str:
            models = list(session.models)
            for place, (name, new) in enumerate(some):
                about = {"kind": "ModelChanged", "model": {"id": models[place * len(models) // len(some)]}}
                await say(session, {**about, "attr": name, "new": new})
            return await document_of(session)

        document = in_session(site, change)
        assert "taken" not in document
        assert "p999999" not in document


def test_a_model_that_comes_with_an_event_is_not_read(site: Site) -> None:
    async def press(session: Session) -> str:
        model = next(iter(session.models))
        brought = {
            "type": "object",
            "name": "Div",
            "id": model,
            "attributes": {"text": MARKUP, "visible": root("p999999")},
        }
        await session.event("dom_event", model=brought, node="click", data={"type": "map", "entries": []})
        await session.event("dom_event", model=root("p999998"), node="click", data={"type": "map", "entries": []})
        return await document_of(session)

    document = in_session(site, press)
    assert "taken" not in document
    assert "p99999" not in document


def test_a_field_is_still_filled_in(consoles: Consoles) -> None:
    async def fill_in(session: Session) -> str:
        await session.change(session.find(label="Text"), "value", "what is typed")
        return await document_of(session)

    assert "what is typed" in in_session(Site(consoles.ports["ops"]), fill_in)


def test_a_page_of_one_login_is_of_no_use_to_another(consoles: Consoles) -> None:
    port = consoles.ports["manager"]
    ada, vera = log_in(port, "ada"), log_in(port, "vera")
    token = token_of(ask(port, "/", **ada.headers).body)
    assert upgrade(port, token, **vera.headers).status == 403
    assert upgrade(port, token).status == 403
    assert upgrade(port, token, **ada.headers).status == 101


def test_tokens_of_one_server_open_nothing_in_another(consoles: Consoles) -> None:
    token = token_of(ask(consoles.ports["ops"], "/").body)
    ada = log_in(consoles.ports["manager"], "ada")
    assert upgrade(consoles.ports["manager"], token, **ada.headers).status == 403
    assert upgrade(consoles.ports["ops"], token).status == 101


def test_no_page_holds_a_cookie_or_any_other_header(consoles: Consoles) -> None:
    secret = "a-secret-that-came-with-the-request"
    from bokeh.util.token import get_token_payload

    ada = log_in(consoles.ports["manager"], "ada")
    headers = {"Authorization": f"Bearer {secret}", "X_Api_Key": secret, "User_Agent": secret}
    for port in consoles.ports.values():
        page = ask(port, "/", Cookie=f"{ada.cookie}; other={secret}", **headers).body
        payload = get_token_payload(token_of(page))
        assert payload["headers"].keys() <= {"Host", "Pqkit-Login"}
        assert payload["cookies"] == {}
        assert secret not in json.dumps(payload, default=str)
        assert all(cookie.partition("=")[2].encode() not in page for cookie in ada.cookie.split("; "))


Context = Callable[[], BrowserContext]


@pytest.fixture
def context(chromium: Browser) -> Iterator[Context]:
    made: list[BrowserContext] = []

    def new() -> BrowserContext:
        made.append(chromium.new_context())
        return made[-1]

    yield new
    for each in made:
        each.close()


def logged_in(context: BrowserContext, consoles: Consoles, name: str) -> BrowserContext:
    page = context.new_page()
    page.goto(consoles.url("manager"))
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.locator(".tabulator-row").first.wait_for()
    page.close()
    return context


@pytest.mark.browser
def test_an_admin_who_follows_a_viewers_link_runs_nothing_of_it(consoles: Consoles, context: Context) -> None:
    port = consoles.ports["manager"]
    vera = log_in(port, "vera")
    token = token_of(ask(port, "/", **vera.headers).body)
    from bokeh.util.token import get_session_id

    built = {"kind": "RootAdded", "model": root(f"p1{SCRIPT}")}
    assert is_hung_up_on(vera, lambda session: say(session, built))
    ada = logged_in(context(), consoles, "ada")
    page = ada.new_page()
    for link in (f"?bokeh-session-id={get_session_id(token)}", f"?bokeh-token={token}"):
        answer = page.goto(consoles.url("manager") + link)
        assert answer
        assert answer.status == 403
        assert "taken" not in page.title()


@pytest.mark.browser
def test_only_the_templates_own_scripts_run(consoles: Consoles, context: Context) -> None:
    page = context().new_page()
    page.goto(consoles.url("ops"))
    page.locator("canvas").first.wait_for()
    page.evaluate("""() => { const it = document.createElement('script')
      it.textContent = "document.title = 'taken'"; document.body.append(it) }""")
    page.evaluate(f"() => document.body.insertAdjacentHTML('beforeend', `{MARKUP}`)")
    page.evaluate("() => new Promise(done => setTimeout(done, 0))")
    assert page.title() != "taken"


def test_a_script_that_a_value_smuggles_into_the_page_carries_no_number() -> None:
    from pathlib import Path

    from bokeh.core.templates import MACROS

    from pqkit.cli.dashboards import load

    load(Path(__file__).parent.parent.parent / "dashboards")
    from dashboards import theme

    start = f'<script type="application/json" id="p1">\n{{}}\n</script>\n<script>\n go("{SCRIPT}")\n</script>'
    page = theme.TEMPLATE.render(title=SCRIPT, plot_script=start, docs=[], macros=MACROS)
    smuggled = [tag for tag in re.findall(r"<script[^>]*>", page) if tag == "<script>"]
    assert len(smuggled) == 1


@pytest.mark.browser
def test_a_page_on_another_port_gets_no_session(consoles: Consoles, context: Context) -> None:
    ada = logged_in(context(), consoles, "ada")
    ops, manager = consoles.url("ops"), consoles.url("manager")
    sources = [
        f"{url}{path}" for url in (ops, manager) for path in ("autoload.js?bokeh-autoload-element=x", "", "metadata")
    ]
    sources.append(f"{ops}static/js/bokeh.min.js")
    told = "".join(f"<script src='{source}' onload='window.got = this.src'></script>" for source in sources)
    told += f"<img src='{ops}favicon.ico' onload='window.got = this.src'><body data-ready>"
    with site_of_the_attacker(lambda: told) as port:
        page = ada.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        assert page.evaluate("window.got") is None
        assert page.evaluate("typeof Bokeh") == "undefined"
        fetched = "url => fetch(url, {credentials: 'include', mode: 'no-cors'}).then(() => 'got', () => 'refused')"
        assert [page.evaluate(fetched, source) for source in sources] == ["refused"] * len(sources)


@pytest.mark.browser
def test_who_follows_a_link_on_another_site_arrives_and_is_logged_in(consoles: Consoles, context: Context) -> None:
    ada = logged_in(context(), consoles, "ada")
    cookies = [cookie for cookie in ada.cookies() if cookie["httpOnly"] and "xsrf" not in cookie["name"]]
    assert {cookie["sameSite"] for cookie in cookies} == {"Strict"}
    link = f"{consoles.url('manager')}?job=1"
    with site_of_the_attacker(lambda: f"<a href='{link}'>the job</a>") as port:
        page = ada.new_page()
        page.goto(f"http://localhost:{port}/")  # another site than 127.0.0.1
        page.get_by_text("the job").click()
        page.locator(".tabulator-row").first.wait_for()
        wait_until(lambda: "job=1" in page.url, what="the link's address")
