"""The working folder of `pqkit up`: its folders, the lock that only one holds, Supervisor's socket, the ports."""

import errno
import fcntl
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pqkit.errors import PqkitError, Refused

RUN = Path("data")
SOCKET = "supervisor.sock"
# A Unix socket's path has 108 bytes on Linux, 104 elsewhere; supervisord adds its pid to it for a moment.
MAX_SOCKET_PATH = 90

Say = Callable[[str], object]


class NotWritable(PqkitError):
    """A folder that cannot be made or written."""


def make_folders(folders: Iterable[Path]) -> None:
    """Make each folder, private to its owner, and prove that a file can be written there."""
    for folder in folders:
        try:
            for step in [*reversed(folder.absolute().parents), folder]:  # mkdir's mode is not that of its parents
                step.mkdir(mode=0o700, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise NotWritable(
                f"{folder.absolute()} cannot be written ({error.strerror}): mend that or run in another folder"
            ) from None


def check_ports(host: str, ports: Mapping[str, int]) -> None:
    """Raise Refused, naming the setting, when one of ``ports`` (setting -> port) cannot be listened on."""
    with ExitStack() as held:
        for setting, port in ports.items():
            listener = held.enter_context(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((host, port))
                listener.listen(1)
            except OSError as error:
                taken = error.errno == errno.EADDRINUSE
                reason = "is taken" if taken else f"cannot be listened on ({error.strerror})"
                raise Refused(
                    f"port {port} on {host} {reason}: end what listens there or set {setting} to another port"
                ) from None


def listens(host: str, port: int) -> bool:
    """True when somebody accepts connections there."""
    with suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


@contextmanager
def only_one() -> Iterator[None]:
    """Hold the folder's lock; Refused when another `pqkit up` holds it. The lock ends with its process, however."""
    handle = os.open(RUN / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(handle, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(
                f"`pqkit up` runs in this folder already (pid {file.read().strip()}): stop that one first"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


@contextmanager
def fresh_socket(patience: float, say: Say) -> Iterator[Path]:
    """A path for Supervisor's socket that nobody uses. An earlier Supervisor that drains gets ``patience`` seconds."""
    near = RUN.absolute() / SOCKET
    _wait_for_earlier(near.resolve(), patience, say)
    _remove_stale(near, say)
    path = near
    if len(os.fsencode(near)) > MAX_SOCKET_PATH:
        path = Path(tempfile.mkdtemp(prefix="pqkit-")) / SOCKET
        near.symlink_to(path)
    try:
        yield path
    finally:
        _remove(near)


def answers(path: Path) -> bool:
    """True when somebody listens on the socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def _wait_for_earlier(path: Path, patience: float, say: Say) -> None:
    if not answers(path):
        return
    say("the Supervisor of an earlier `pqkit up` is still stopping its workers: waiting for it")
    end = time.monotonic() + patience
    while answers(path):
        if time.monotonic() > end:
            raise Refused(f"a Supervisor of its own runs in this folder ({path}): stop it first")
        time.sleep(0.1)


def _remove_stale(near: Path, say: Say) -> None:
    for left in (near, RUN.absolute() / "supervisord.pid"):
        if left.is_symlink() or left.exists():
            say(f"removed {RUN / left.name}, left by a `pqkit up` that was killed")
            _remove(left)


def _remove(path: Path) -> None:
    if path.is_symlink():
        shutil.rmtree(path.resolve().parent, ignore_errors=True)
    with suppress(FileNotFoundError):
        path.unlink()
