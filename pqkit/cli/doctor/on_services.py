"""What is known to go wrong with who reaches the consoles and the REST interface."""

from collections.abc import Iterator

from pqkit import public
from pqkit.cli.doctor.finding import Finding
from pqkit.public import NAMES, Service
from pqkit.settings import Settings


def look(wanted: Settings) -> Iterator[Finding]:
    """Every check in turn."""
    yield _ops(wanted)
    yield _plain(wanted)


def _ops(wanted: Settings) -> Finding:
    if public.is_open(wanted, Service.OPS):
        where = wanted.ops_public_url or wanted.host
        said = f"open to everybody who reaches {where}" + ("" if wanted.ops_open else ", so it refuses to start")
        return Finding("ops console", "warn", said, "PQKIT_OPS_LOGIN=true")
    return Finding("ops console", "ok", "needs a login" if wanted.ops_login else "open on this machine alone")


def _plain(wanted: Settings) -> Finding:
    plain = [NAMES[service] for service in Service if public.is_plain(wanted, service)]
    if not plain:
        return Finding("network", "ok", "no password or token leaves this machine in clear")
    said = f"passwords or tokens in clear on {wanted.host}: {', '.join(plain)}"
    said += "" if wanted.plain_http else ", so they refuse to start"
    mend = "PQKIT_TLS_CERTIFICATE, or PQKIT_PUBLIC_URL and PQKIT_PROXIES for a proxy with TLS"
    return Finding("network", "warn", said, mend)
