"""`pqkit dashboards`: serve the two consoles, each on its own port, until stopped."""

import gc
import importlib
import importlib.util
import signal
import socket
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any
from urllib.parse import urlsplit

import psutil
import typer

from pqkit import extras, log, project_template
from pqkit.errors import PqkitError
from pqkit.process.linux import die_with_supervisor
from pqkit.security import service_addresses
from pqkit.security.service_addresses import EVERYWHERE, Service
from pqkit.settings import Settings, settings

PACKAGE = "dashboards"
HTTP = 80
"""The default port, which browsers leave out of the address."""


class Console(StrEnum):
    """The manager console and the ops console."""

    MANAGER = Service.MANAGER
    OPS = Service.OPS


OWN_NAMES = {f"{name}.localhost" for name in Console}
"""Browsers resolve such names only to this machine, and share no cookies between them."""


def dashboards(
    console: Annotated[Console | None, typer.Argument(help="The console to serve; default: both.")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Its port, where not the one in the settings.")
    ] = None,
) -> None:
    """Serve the ops and manager consoles."""
    if port is not None and console is None:
        raise PqkitError("--port needs the console's name: pqkit dashboards ops --port 9000")
    wanted = list(Console) if console is None else [console]
    serve({name: port or _port(name) for name in wanted})


def apps() -> dict[str, Callable[[], Any]]:
    """The pages by name, to mount in your own Panel server: ``panel.serve(apps())``.

    Such a server has Panel's own routes, except the one that imports modules, and no guard. If others can reach it,
    create it with the options of each page's ``server_options`` (the manager's login is part of them), between
    ``use_own_routes`` and ``stand_before`` of ``dashboards.request_guard``. Raises PqkitError if Panel is missing.
    """
    package = load(project_template.folder(PACKAGE, settings().dashboards))
    pages = {str(name): _module(package, name).page for name in Console}
    importlib.import_module(f"{PACKAGE}.request_guard").import_nothing()
    return pages


def serve(ports: dict[Console, int]) -> None:
    """Serve each console on its port until SIGTERM or Ctrl+C.

    Raises PqkitError if a port is taken or Panel is missing.
    """
    die_with_supervisor()
    log.configure()
    for name in ports:
        service_addresses.check(settings(), Service(name))
    package = load(project_template.folder(PACKAGE, settings().dashboards))
    modules = {name: _module(package, name) for name in ports}
    importlib.import_module(f"{PACKAGE}.log_limits").limit_log()
    importlib.import_module(f"{PACKAGE}.request_guard").use_own_routes()
    importlib.import_module(f"{PACKAGE}.poller").shared()  # starts polling now, not at the first visit
    loop = _loop_that_obeys()
    servers = [_server(name, modules[name], port) for name, port in ports.items()]
    gc.freeze()  # otherwise each full collection walks Panel's 300,000 objects: 0.25 s during a page
    for name, port in ports.items():
        there = service_addresses.public_url(settings(), Service(name))
        typer.echo(f"{name} console: {service_addresses.local_url(settings(), port)}{f', {there}' if there else ''}")
    for server in servers:
        server.start()
    loop.start()
    for server in servers:
        server.stop()


def load(place: Path) -> ModuleType:
    """Load the package of pages in that folder under the name ``dashboards``."""
    start = place / "__init__.py"
    spec = importlib.util.spec_from_file_location(PACKAGE, start, submodule_search_locations=[str(place)])
    if spec is None or spec.loader is None or not start.is_file():
        raise PqkitError(f"{place} holds no consoles; `pqkit init DIR` lays them out")
    package = sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)
    return package


def _module(package: ModuleType, name: str) -> ModuleType:
    try:
        return importlib.import_module(f"{package.__name__}.{name}.page")
    except ModuleNotFoundError as error:
        raise PqkitError(f"the consoles need {error.name}, which is not installed: {extras.hint('console')}") from None


def _server(name: Console, module: ModuleType, port: int) -> Any:
    """Create a page's server, with options such as the login from the page's ``server_options``."""
    from panel.io.server import get_server  # noqa: PLC0415 - 2 s to import, and not installed everywhere

    host = settings().host
    options = module.server_options(port)
    own = [pattern for pattern, *_ in options.get("extra_patterns", [])]
    hosts = origins(host, port, service_addresses.public_url(settings(), Service(name)))
    options |= _tls(settings())
    try:
        server = get_server(
            {"/": module.page}, port=port, address=host, title=f"pqkit {name}", websocket_origin=hosts, **options
        )
    except OSError as error:
        raise PqkitError(
            f"port {port} on {host} cannot be used ({error.strerror}): free it, or set PQKIT_{name.upper()}_PORT"
        ) from None
    guard = importlib.import_module(f"{PACKAGE}.request_guard")
    guard.stand_before(server, hosts, own, settings().proxies)
    return server


def _tls(wanted: Settings) -> dict[str, Any]:
    if wanted.tls_certificate is None:
        return {}
    return {"ssl_certfile": str(wanted.tls_certificate), "ssl_keyfile": str(wanted.tls_key or wanted.tls_certificate)}


def origins(host: str, port: int, public_url: str | None = None) -> list[str]:
    """The host:port names of this server, whose pages may open a live connection; no others.

    A foreign name that points to this machine is not among them. A public address without a port is also listed
    with port 80, even for HTTPS, because Bokeh assumes that port.
    """
    local = host in EVERYWHERE or service_addresses.is_loopback(host)
    names = {"127.0.0.1", "localhost", *OWN_NAMES} if local else {host}
    if host in EVERYWHERE:
        names |= {socket.gethostname(), socket.getfqdn(), *_addresses()}
    if host in {"::", "::1"}:
        names.add("::1")
    named = {f"[{name}]" if ":" in name else name for name in names}
    found = {f"{name}:{port}" for name in named} | (named if port == HTTP else set())
    if public_url is not None:
        parts = urlsplit(public_url)
        found |= {parts.netloc} if parts.port else {parts.netloc, f"{parts.netloc}:80"}
    return sorted(found)


def _addresses() -> set[str]:
    """IP addresses of this machine."""
    found = [entry for entries in psutil.net_if_addrs().values() for entry in entries]
    return {entry.address.partition("%")[0] for entry in found if entry.family in {socket.AF_INET, socket.AF_INET6}}


def _loop_that_obeys() -> Any:
    """The event loop, stopped by SIGTERM and Ctrl+C."""
    from tornado.ioloop import IOLoop  # noqa: PLC0415 - comes with panel

    loop = IOLoop.current()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.add_callback_from_signal(loop.stop))
    return loop


def _port(name: Console) -> int:
    return settings().ops_port if name is Console.OPS else settings().manager_port
