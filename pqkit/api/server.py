"""The process of `pqkit api`: the application and a maintainer.

With its maintenance, a queue needs no other worker process.
"""

import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from pqkit.api.app import create_app
from pqkit.api.connection_limits import AT_ONCE, HEADERS, protocol_for
from pqkit.api.proxy_middleware import BehindProxies
from pqkit.errors import PqkitError
from pqkit.log import get_logger
from pqkit.maintenance.runner import Maintainer
from pqkit.queue import Queue
from pqkit.security import service_addresses
from pqkit.security.service_addresses import Service
from pqkit.settings import Settings

GRACE = 5


class _Server(uvicorn.Server):
    """Ends gracefully on a signal, so that its caller can end too: uvicorn would raise it again."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.handle_exit)
        yield


def serve(queue: Queue, settings: Settings, port: int) -> None:
    """Serve until SIGTERM or Ctrl+C. Raises PqkitError if it cannot listen on the port."""
    app = create_app(queue, get_dequeue=settings.api_get_dequeue)
    config = uvicorn.Config(
        BehindProxies(app, settings.proxies),
        host=settings.host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        headers=HEADERS,
        http=protocol_for(settings.proxies),
        ws="none",
        limit_concurrency=AT_ONCE,
        timeout_graceful_shutdown=GRACE,
        proxy_headers=False,  # BehindProxies reads them, and only from trusted proxies
        root_path=service_addresses.prefix(settings, Service.API),
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )
    server = _Server(config)
    with _maintained(queue, settings):
        try:
            server.run()
        except SystemExit:
            raise PqkitError(f"port {port} on {settings.host} cannot be used: free it, or set PQKIT_API_PORT") from None
    get_logger("api").info("the REST interface has ended")


@contextmanager
def _maintained(queue: Queue, settings: Settings) -> Iterator[None]:
    maintainer = Maintainer(queue.database, secrets.randbits(63), settings)
    maintainer.start()
    try:
        yield
    finally:
        maintainer.stop()
        maintainer.join(timeout=GRACE)
