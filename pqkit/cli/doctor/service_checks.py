"""Checks of access to the consoles and the REST interface."""

from collections.abc import Iterator
from pathlib import Path

from pqkit import project_template
from pqkit.cli.doctor.finding import Finding
from pqkit.security import service_addresses
from pqkit.security.service_addresses import NAMES, Service
from pqkit.settings import Settings
from pqkit.version import VERSION


def look(wanted: Settings) -> Iterator[Finding]:
    """Run every check."""
    yield _ops(wanted)
    yield _plain(wanted)
    if wanted.dashboards is not None:
        yield _pages(wanted.dashboards)


def _pages(own: Path) -> Finding:
    """Check for a copy of the consoles: it lacks later fixes, including security fixes."""
    found = project_template.outdated("dashboards", own)
    if not found:
        return Finding("pages", "ok", f"{own} is as pqkit's own")
    said = f"{own} differs from the consoles of pqkit {VERSION} in {len(found)} modules, such as {found[0]}"
    mend = "copy the pages anew, or use pqkit's own: leave the setting dashboards out"
    return Finding("pages", "warn", said, mend)


def _ops(wanted: Settings) -> Finding:
    if service_addresses.is_open(wanted, Service.OPS):
        where = wanted.ops_public_url or wanted.host
        said = f"open to everybody who reaches {where}" + ("" if wanted.ops_open else ", so it refuses to start")
        return Finding("ops console", "warn", said, "PQKIT_OPS_LOGIN=true")
    return Finding("ops console", "ok", "needs a login" if wanted.ops_login else "open on this machine alone")


def _plain(wanted: Settings) -> Finding:
    plain = [NAMES[service] for service in Service if service_addresses.is_plain(wanted, service)]
    if not plain:
        return Finding("network", "ok", "no password or token leaves this machine in clear")
    said = f"passwords or tokens in clear on {wanted.host}: {', '.join(plain)}"
    said += "" if wanted.plain_http else ", so they refuse to start"
    mend = "PQKIT_TLS_CERTIFICATE, or PQKIT_PUBLIC_URL and PQKIT_PROXIES for a proxy with TLS"
    return Finding("network", "warn", said, mend)
