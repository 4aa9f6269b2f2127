"""`pqkit dashboards`: serve the two consoles, each on its own port, until told to stop."""

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

import psutil
import typer

from pqkit import kit
from pqkit.errors import PqkitError
from pqkit.process import die_with_supervisor
from pqkit.settings import settings

PACKAGE = "dashboards"
EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - compared with, not listened on
HTTP = 80
"""The port that no browser says."""
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class Console(StrEnum):
    """The page that acts, and the page that watches."""

    MANAGER = "manager"
    OPS = "ops"


OWN_NAMES = {f"{name}.localhost" for name in Console}
"""Browsers look for such names on this machine alone, and share no cookies between them."""


def dashboards(
    console: Annotated[Console | None, typer.Argument(help="Which console; both where none is named.")] = None,
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
    """The pages by name, to be mounted in a Panel server of your own: ``panel.serve(apps())``.

    Such a server has Panel's own routes, but for the one that imports modules, and no guard. Make it with what
    each page's module says in ``server_options`` (the manager's login is part of it), between ``use_own_routes`` and
    ``stand_before`` of ``dashboards.guard``, wherever others than yourself reach it. Raises PqkitError where Panel is
    missing.
    """
    package = load(kit.folder(PACKAGE, settings().dashboards))
    pages = {str(name): _module(package, name).page for name in Console}
    importlib.import_module(f"{PACKAGE}.guard").import_nothing()
    return pages


def serve(ports: dict[Console, int]) -> None:
    """Serve each console on its port until SIGTERM or Ctrl+C. Raises PqkitError for a taken port or a missing panel."""
    die_with_supervisor()
    package = load(kit.folder(PACKAGE, settings().dashboards))
    modules = {name: _module(package, name) for name in ports}
    importlib.import_module(f"{PACKAGE}.guard").use_own_routes()
    importlib.import_module(f"{PACKAGE}.feed").shared()  # begins to watch now, not with the first visitor
    loop = _loop_that_obeys()
    servers = [_server(name, modules[name], port) for name, port in ports.items()]
    gc.freeze()  # or each full collection would walk Panel's 300,000 objects: a quarter of a second amid a page
    for name, port in ports.items():
        typer.echo(f"{name} console: http://{_shown(settings().host)}:{port}")
    for server in servers:
        server.start()
    loop.start()
    for server in servers:
        server.stop()


def load(place: Path) -> ModuleType:
    """The package of pages in that folder, under the name ``dashboards``."""
    start = place / "__init__.py"
    spec = importlib.util.spec_from_file_location(PACKAGE, start, submodule_search_locations=[str(place)])
    if spec is None or spec.loader is None or not start.is_file():
        raise PqkitError(f"{place} holds no consoles; `pqkit init DIR` lays them out")
    package = sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)
    return package


def _module(package: ModuleType, name: str) -> ModuleType:
    try:
        return importlib.import_module(f"{package.__name__}.{name}")
    except ModuleNotFoundError as error:
        raise PqkitError(
            f"the consoles need {error.name}, which is not installed: pip install 'pqkit[console]'"
        ) from None


def _server(name: Console, module: ModuleType, port: int) -> Any:
    """A page says with ``server_options`` what its server is started with, such as the login."""
    from panel.io.server import get_server  # noqa: PLC0415 - 2 s to import, and not installed everywhere

    host = settings().host
    options = module.server_options(port)
    own = [pattern for pattern, *_ in options.get("extra_patterns", [])]
    hosts = origins(host, port)
    try:
        server = get_server(
            {"/": module.page}, port=port, address=host, title=f"pqkit {name}", websocket_origin=hosts, **options
        )
    except OSError as error:
        raise PqkitError(
            f"port {port} on {host} cannot be used ({error.strerror}): free it, or set PQKIT_{name.upper()}_PORT"
        ) from None
    importlib.import_module(f"{PACKAGE}.guard").stand_before(server, hosts, own)
    return server


def origins(host: str, port: int) -> list[str]:
    """The names with the port by which this server is asked, and whose pages may open a live connection: its own, and
    no other. A name that somebody else makes lead here is not among them."""
    names = {"127.0.0.1", "localhost", *OWN_NAMES} if host in LOOPBACK | EVERYWHERE else {host}
    if host in EVERYWHERE:
        names |= {socket.gethostname(), socket.getfqdn(), *_addresses()}
    if host in {"::", "::1"}:
        names.add("::1")
    named = {f"[{name}]" if ":" in name else name for name in names}
    return sorted(f"{name}:{port}" for name in named) + (sorted(named) if port == HTTP else [])


def _addresses() -> set[str]:
    """The addresses of this machine."""
    found = [entry for entries in psutil.net_if_addrs().values() for entry in entries]
    return {entry.address.partition("%")[0] for entry in found if entry.family in {socket.AF_INET, socket.AF_INET6}}


def _loop_that_obeys() -> Any:
    """The event loop, which SIGTERM and Ctrl+C end."""
    from tornado.ioloop import IOLoop  # noqa: PLC0415 - comes with panel

    loop = IOLoop.current()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.add_callback_from_signal(loop.stop))
    return loop


def _port(name: Console) -> int:
    return settings().ops_port if name is Console.OPS else settings().manager_port


def _shown(host: str) -> str:
    return "127.0.0.1" if host in EVERYWHERE else host
