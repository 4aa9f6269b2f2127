"""A small reverse proxy with TLS, as nginx is set before the services: it takes a prefix off and says who asks."""

import asyncio
import contextlib
import datetime
import re
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LIMIT = 2**16


def make_certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """A self-signed certificate for that name, and its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(now - day).not_valid_after(now + day)
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))
    paths[1].chmod(0o600)
    return paths


class Proxy:
    """Listens at ``port`` of 127.0.0.1 while its block lasts. ``places`` says which prefix leads to which port."""

    def __init__(self, port: int, certificate: tuple[Path, Path], places: Mapping[str, int]) -> None:
        self._port, self._places = port, places
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(*certificate)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        serving = asyncio.start_server(self._serve, "127.0.0.1", self._port, ssl=self._context, limit=LIMIT)
        server = self._loop.run_until_complete(serving)
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            prefix = next((prefix for prefix in self._places if head.split(" ")[1].startswith(f"{prefix}/")), None)
            if prefix is None:
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            else:
                behind = await asyncio.open_connection("127.0.0.1", self._places[prefix], limit=LIMIT)
                behind[1].write(_told(head, prefix, writer.get_extra_info("peername")[0]).encode("latin-1"))
                await asyncio.gather(_pour(reader, behind[1]), _pour(behind[0], writer))
        writer.close()


def _told(head: str, prefix: str, peer: str) -> str:
    """The head of the request as the server behind gets it; a connection carries one request, or a web socket."""
    method, path, rest = head.split(" ", 2)
    forwarded = re.search(r"\r\nX-Forwarded-For: ([^\r]*)", rest)
    said = f"{forwarded[1]}, {peer}" if forwarded else peer
    rest = re.sub(r"\r\nX-Forwarded-For: [^\r]*", "", rest)
    if "\r\nupgrade: websocket" not in rest.lower():
        rest = re.sub(r"\r\nConnection: [^\r]*", "", rest, flags=re.IGNORECASE).replace(
            "\r\n\r\n", "\r\nConnection: close\r\n\r\n"
        )
    more = f"\r\nX-Forwarded-For: {said}\r\nX-Forwarded-Proto: https\r\n\r\n"
    return f"{method} {path.removeprefix(prefix)} {rest.removesuffix(chr(13) + chr(10) + chr(13) + chr(10))}{more}"


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, ssl.SSLError):
        while part := await reader.read(LIMIT):
            writer.write(part)
            await writer.drain()
    with contextlib.suppress(OSError, ssl.SSLError):
        writer.close()
