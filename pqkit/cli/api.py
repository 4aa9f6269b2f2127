"""``pqkit api``: serve the REST interface."""

from typing import Annotated

import typer

from pqkit import extras, log
from pqkit.errors import PqkitError
from pqkit.process.linux import die_with_supervisor
from pqkit.queue import get_queue
from pqkit.security import service_addresses
from pqkit.security.service_addresses import Service
from pqkit.settings import settings
from pqkit.worker.task_import import import_tasks


def api(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Its port, where not the one in the settings.")
    ] = None,
) -> None:
    """Serve the REST interface, for producers and workers in any language."""
    die_with_supervisor()
    log.configure()
    wanted = settings()
    if wanted.tasks:
        import_tasks(wanted.tasks)
    try:
        from pqkit.api.server import serve  # noqa: PLC0415 - in an extra
    except ModuleNotFoundError as error:
        raise PqkitError(f"the REST interface needs {error.name}: {extras.hint('api')}") from None
    service_addresses.check(wanted, Service.API)
    typer.echo(
        f"REST interface: {service_addresses.local_url(wanted, port or wanted.api_port)} (tokens: pqkit tokens add)"
    )
    serve(get_queue(), wanted, port or wanted.api_port)
