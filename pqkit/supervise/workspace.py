"""The working folder of `pqkit up`: folders, an exclusive lock, Supervisor's socket, ports."""

import errno
import fcntl
import os
import re
import socket
import stat
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pqkit.errors import PqkitError, Refused
from pqkit.files import UnsafePath, open_own, private_folder

RUN = Path("data")
SOCKET, SHORT = "supervisor.sock", "pqkit-up-"
# A Unix socket's path has 108 bytes on Linux, 104 elsewhere; supervisord briefly appends its pid to it.
MAX_SOCKET_PATH = 90

Say = Callable[[str], object]


class NotWritable(PqkitError):
    """A folder that cannot be created or written."""


def make_folders(folders: Iterable[Path]) -> None:
    """Make each folder, private to its owner, and verify that it is writable."""
    for folder in folders:
        try:
            private_folder(folder)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise NotWritable(
                f"{folder.absolute()} cannot be written ({error.strerror}): mend that or run in another folder"
            ) from None


def refuse_links(logs: Path) -> None:
    """Raise Refused if a log file is a symlink (except to /dev) or has a second hard link.

    Supervisor appends to its logs, and would change the other file too.
    """
    for path in logs.glob("*.log*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_nlink > 1:
            raise Refused(f"{path} has another name as well: move it away, for logs are appended to it")
        if path.is_symlink() and not path.readlink().is_relative_to("/dev"):
            raise Refused(f"{path} is a link to {path.readlink()}: remove it, for logs are appended to it")


def check_ports(host: str, ports: Mapping[str, int]) -> None:
    """Raise Refused, naming the setting, if one of ``ports`` (setting -> port) cannot be bound."""
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
    """True if a server accepts connections there."""
    with suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


@contextmanager
def only_one() -> Iterator[None]:
    """Hold the folder's lock; raises Refused when another `pqkit up` holds it.

    The lock ends with its process, however the process ends.
    """
    try:
        handle = open_own(RUN / "up.lock", os.O_RDWR)
    except UnsafePath as error:
        raise Refused(str(error)) from None
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
    """Yield a free path for Supervisor's socket.

    An earlier Supervisor that still drains gets ``patience`` seconds to end.
    """
    near = RUN.absolute() / SOCKET
    earlier = own_socket(near)
    if earlier is not None:
        _wait_for_earlier(earlier, patience, say)
    _remove_stale(near, say)
    path = near
    if len(os.fsencode(near)) > MAX_SOCKET_PATH:
        path = Path(tempfile.mkdtemp(prefix=SHORT)) / SOCKET
        near.symlink_to(path)
    try:
        yield path
    finally:
        with suppress(OSError):  # another process may have replaced it
            near.unlink()
        if path != near:
            _remove_short(path.parent)


def own_socket(near: Path) -> Path | None:
    """The path of Supervisor's socket in this folder; None for a link that pqkit did not make."""
    if not near.is_symlink():
        return near
    there = near.readlink()
    return there if there.is_absolute() and there.name == SOCKET and _is_short(there.parent) else None


def _is_short(folder: Path) -> bool:
    """True for a folder as ``fresh_socket`` makes it: its name, private to this user, no link."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    mine = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) == 0o700
    return mine and re.fullmatch(rf"{SHORT}\w{{8}}", folder.name) is not None


def answers(path: Path) -> bool:
    """True if a process listens on the socket."""
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
    for left, is_ours in ((near, stat.S_ISSOCK), (RUN.absolute() / "supervisord.pid", stat.S_ISREG)):
        if not os.path.lexists(left):
            continue
        mode = left.lstat().st_mode
        if not is_ours(mode) and not stat.S_ISLNK(mode):
            raise Refused(f"{RUN / left.name} is nothing that pqkit made: move it away")
        say(f"removed {RUN / left.name}, left by a `pqkit up` that was killed")
        _remove(left)


def _remove(near: Path) -> None:
    """Remove a socket, a pid file, or a link of that name.

    Of a link's target, remove only pqkit's own short folder: a planted link may name any place.
    """
    there = own_socket(near) if near.is_symlink() else None
    near.unlink(missing_ok=True)
    if there is not None and there.parent.parent == Path(tempfile.gettempdir()).absolute():
        _remove_short(there.parent)


def _remove_short(folder: Path) -> None:
    """Remove a short folder that holds only Supervisor's socket, or its temporary name."""
    if not _is_short(folder):
        return
    left = list(folder.iterdir())
    if all(path.name.startswith(SOCKET) and stat.S_ISSOCK(path.lstat().st_mode) for path in left):
        with suppress(OSError):  # it may vanish, or get new files, during the removal
            for path in left:
                path.unlink()
            folder.rmdir()
