"""The addresses of each service, and the checks that it may be served there."""

import socket
import ssl
import stat
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit

from pqkit.errors import PqkitError
from pqkit.settings import Settings


class Service(StrEnum):
    """A service that listens on its own port."""

    MANAGER = "manager"
    OPS = "ops"
    API = "api"


NAMES = {Service.MANAGER: "manager console", Service.OPS: "ops console", Service.API: "REST interface"}
HTTPS = "https://"
EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - compared with, not listened on


class Exposed(PqkitError):
    """The service would be open to more clients than the operator may have intended."""


def public_url(wanted: Settings, service: Service) -> str | None:
    """Return the public URL that the settings name, without a final slash, or None."""
    given = {Service.MANAGER: wanted.public_url, Service.OPS: wanted.ops_public_url}.get(service)
    if given is None:
        return None
    return given if urlsplit(given).path else given + wanted.prefix


def prefix(wanted: Settings, service: Service) -> str:
    """Return the path that a proxy strips: with a slash first and none last, or empty."""
    url = public_url(wanted, service)
    return wanted.prefix if url is None else urlsplit(url).path


def is_https(wanted: Settings, service: Service) -> bool:
    """Return true if browsers reach the service over TLS, as far as the settings say."""
    return wanted.tls_certificate is not None or (public_url(wanted, service) or "").startswith(HTTPS)


def local_url(wanted: Settings, port: int) -> str:
    """Return the URL at which the service's own machine reaches it."""
    host = "127.0.0.1" if wanted.host in EVERYWHERE else wanted.host
    return f"{'https' if wanted.tls_certificate else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def is_loopback(host: str) -> bool:
    """Return true if only this machine reaches the host; a name is looked up."""
    if not host:
        return False
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(found) and all(_is_loopback(address) for address in found)


def _is_loopback(address: str) -> bool:
    found = ip_address(address.partition("%")[0])
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


def is_open(wanted: Settings, service: Service) -> bool:
    """Return true if other machines reach the ops console without a login."""
    away = wanted.ops_public_url is not None or not is_loopback(wanted.host)
    return service is Service.OPS and not wanted.ops_login and away


def is_plain(wanted: Settings, service: Service) -> bool:
    """Return true if passwords or tokens would cross a network in clear text.

    A TLS proxy counts only if the settings name it.
    """
    urls = (wanted.public_url or "", wanted.ops_public_url or "")
    proxied = bool(wanted.proxies) and any(url.startswith(HTTPS) for url in urls)
    secret = service is not Service.OPS or wanted.ops_login
    return secret and wanted.tls_certificate is None and not proxied and not is_loopback(wanted.host)


def check(wanted: Settings, service: Service) -> None:
    """Raise Exposed, with the remedies, unless the service may be served as the settings say."""
    where = wanted.ops_public_url if service is Service.OPS and is_loopback(wanted.host) else wanted.host
    if is_open(wanted, service) and not wanted.ops_open:
        raise Exposed(
            f"the ops console would be open to everybody who reaches {where}: set PQKIT_OPS_LOGIN=true, so that it "
            "asks for a login, or PQKIT_OPS_OPEN=true if it is meant to be open"
        )
    if is_plain(wanted, service) and not wanted.plain_http:
        raise Exposed(
            f"the {NAMES[service]} would speak plain HTTP on {where}, with passwords or tokens: set "
            "PQKIT_TLS_CERTIFICATE, or PQKIT_PUBLIC_URL=https://… and PQKIT_PROXIES where a proxy speaks TLS, or "
            "PQKIT_PLAIN_HTTP=true where the network is trusted"
        )
    _check_certificate(wanted)


def _check_certificate(wanted: Settings) -> None:
    if wanted.tls_certificate is None:
        if wanted.tls_key is not None:
            raise PqkitError("PQKIT_TLS_KEY needs its certificate: set PQKIT_TLS_CERTIFICATE")
        return
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    for path in filter(None, (wanted.tls_certificate, wanted.tls_key)):
        if not path.exists():
            raise PqkitError(f"there is no file {path}, which PQKIT_TLS_CERTIFICATE or PQKIT_TLS_KEY names")
        if not path.is_file():  # reading a pipe would block forever
            raise PqkitError(f"{path} is not a regular file, and PQKIT_TLS_CERTIFICATE or PQKIT_TLS_KEY names it")
    key = wanted.tls_key or wanted.tls_certificate
    if key.stat().st_mode & stat.S_IRWXO:
        raise PqkitError(f"others may read the key of the certificate in {key}: chmod 600 {key}")
    try:
        # Without a password callback the library would prompt on the terminal.
        context.load_cert_chain(wanted.tls_certificate, wanted.tls_key, password=lambda: "")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise PqkitError(
            f"{wanted.tls_certificate} cannot be used as a certificate with its key ({reason}): PEM files are needed, "
            "the key without a password"
        ) from None
