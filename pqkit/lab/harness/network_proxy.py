"""A network proxy before a PostgreSQL server that can cut connections or delay all data."""

import random
import selectors
import socket
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import quote, urlencode

from pqkit.db.postgresql.url import read_address

Where = Literal["before", "after"]
COMMIT = b"COMMIT"
CHUNK = 65_536


class Proxy:
    """Listens on a port of its own and forwards everything to the server behind ``target``.

    ``url`` is the target's address through the proxy. ``cuts`` counts the cut connections, by side: before the server
    had the commit, or after it had answered. In between, the client cannot know which of the two it was.
    """

    def __init__(self, target: str) -> None:
        self._server = read_address(target).params
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._chance: Callable[[], Where | None] = _never
        self._open, self._mutex = set[_Wire](), threading.Lock()
        self._carries = threading.Event()
        self._carries.set()
        self._closed = False
        self.cuts: Counter[Where] = Counter()
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    @property
    def url(self) -> str:
        user, password = (quote(self._server.get(name, ""), safe="") for name in ("user", "password"))
        who = f"{user}:{password}@" if password else f"{user}@"
        database, port = quote(self._server["dbname"], safe=""), self._listener.getsockname()[1]
        plain = urlencode({"sslmode": "disable", "gssencmode": "disable"})  # the proxy must see the commits
        return f"postgresql+psycopg://{who if user else ''}127.0.0.1:{port}/{database}?{plain}"

    def cut_commits(self, share: float, seed: int = 1) -> None:
        """Cut at this share of the commits from now on, half before and half after; 0 ends it."""
        dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
        sides: tuple[Where, Where] = ("before", "after")
        self._chance = lambda: dice.choice(sides) if dice.random() < share else None

    def carry_nothing(self) -> None:
        """Hold all data back: no connection is refused, and no data arrives."""
        self._carries.clear()

    def carry_again(self) -> None:
        """Deliver the data that was held back, and everything after it."""
        self._carries.set()

    def close(self) -> None:
        self._closed = True
        self._carries.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._mutex:
            for wire in list(self._open):
                wire.cut()

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._carries.wait()
        try:
            wire = _Wire(client, _connect(self._server))
        except OSError:
            client.close()
            return
        with self._mutex:
            self._open.add(wire)
        try:
            while self._carry(wire):
                pass
        finally:
            wire.cut()
            with self._mutex:
                self._open.discard(wire)

    def _carry(self, wire: "_Wire") -> bool:
        """Forward the data from either side; False after the last of it."""
        for side in wire.wait():
            data = _received(side)
            self._carries.wait()
            if not data or not self._pass_on(wire, side, data):
                return False
        return True

    def _pass_on(self, wire: "_Wire", side: socket.socket, data: bytes) -> bool:
        if side is wire.server:
            if wire.doomed:  # the server has committed, and the client gets no answer
                self.cuts["after"] += 1
            return not wire.doomed and _sent(wire.client, data)
        cut = self._chance() if COMMIT in data and not wire.doomed else None
        if cut == "before":
            self.cuts["before"] += 1
            return False
        wire.doomed = wire.doomed or cut == "after"
        return _sent(wire.server, data)  # of a doomed one too: the sent data may contain a commit in the middle

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Wire:
    """Both ends of a connection; a doomed one is cut when the server answers."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server, self.doomed = client, server, False
        self._selector = selectors.DefaultSelector()
        for side in (client, server):
            self._selector.register(side, selectors.EVENT_READ)

    def wait(self) -> list[socket.socket]:
        return [key.fileobj for key, _ in self._selector.select() if isinstance(key.fileobj, socket.socket)]

    def cut(self) -> None:
        for side in (self.client, self.server):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()


def _never() -> Where | None:
    return None


def _sent(side: socket.socket, data: bytes) -> bool:
    try:
        side.sendall(data)
    except OSError:
        return False
    return True


def _received(side: socket.socket) -> bytes:
    try:
        return side.recv(CHUNK)
    except OSError:
        return b""


def _connect(server: dict[str, str]) -> socket.socket:
    host, port = server.get("host", "127.0.0.1"), server.get("port", "5432")
    if not host.startswith("/"):
        return socket.create_connection((host, int(port)), 5)
    wire = socket.socket(socket.AF_UNIX)
    wire.connect(str(Path(host) / f".s.PGSQL.{port}"))
    return wire
