"""pqkit's own files and folders: regular, private to their owner, and durable."""

import errno
import os
import re
import stat
from pathlib import Path

from pqkit.errors import PqkitError

OTHERS, OTHERS_WRITE = 0o077, 0o022
SMALL = 1 << 20


class UnsafePath(PqkitError, ValueError):
    """A file name that leads out of its folder, or to something that is not a regular file."""


def inside(root: Path, name: str) -> Path:
    """Join ``root`` and a plain file name. Raises UnsafePath: the name is data, not a path."""
    if not name or name in {".", ".."} or name != Path(name).name or "\x00" in name:
        raise UnsafePath(f"{name!r} is not a plain file name")
    return root.absolute() / name


def private_folder(folder: Path, *, new: bool = False) -> Path:
    """Create a folder and its missing parents, each private; ``new``: it must not exist yet.

    Raises OSError. ``mkdir``'s own ``parents`` applies its mode only to the last folder. A link at the end of the path,
    or in the working folder, must lead to a folder that only this user or root may change; otherwise it raises
    UnsafePath.
    """
    absolute = folder.absolute()
    for step in reversed(absolute.parents):
        step.mkdir(mode=0o700, exist_ok=True)
    absolute.mkdir(mode=0o700, exist_ok=not new)
    here = Path.cwd()
    for step in (absolute, *absolute.parents):
        if step.is_symlink() and (step == absolute or here in step.parents) and (problem := writers(step)) is not None:
            raise UnsafePath(f"{step} is a link to {step.resolve()}, which others may change: {problem[0]}")
    return folder


def open_regular(path: Path) -> int:
    """Open a regular file for reading.

    Raises UnsafePath for a link, folder or device, FileNotFoundError for a missing file.
    """
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        handle = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise UnsafePath(f"{path.name} cannot be opened as a regular file: {error.strerror}") from None
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(handle).st_mode):  # before fdopen, which raises for a folder and leaves it open
        os.close(handle)
        raise UnsafePath(f"{path.name} is not a regular file")
    return handle


def read_regular(path: Path) -> bytes:
    """Read a regular file; raises as ``open_regular``."""
    with os.fdopen(open_regular(path), "rb") as file:
        return file.read()


def read_small(path: Path) -> str:
    """Read a file of settings or keys, which may be a link.

    Raises UnsafePath for a file without end such as a FIFO, FileNotFoundError and UnicodeDecodeError.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise UnsafePath(f"{path} is not a regular file")
        with os.fdopen(handle, "rb", closefd=False) as file:
            data = file.read(SMALL + 1)
    finally:
        os.close(handle)
    if len(data) > SMALL:
        raise UnsafePath(f"{path} is longer than {SMALL >> 20} MiB")
    return data.decode()


def open_own(path: Path, flags: int) -> int:
    """Open a file of this user, creating it if it is missing.

    Raises UnsafePath for a link, another user's file, or a file with two names: by the other name it may be any file of
    its owner.
    """
    try:
        handle = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    except OSError as error:
        if path.is_symlink():
            raise UnsafePath(f"{path} is a link, which pqkit never makes there: remove it") from None
        raise UnsafePath(f"{path} cannot be opened: {error.strerror}") from None
    found = os.fstat(handle)
    if stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and _trusted(found.st_uid):
        return handle
    os.close(handle)
    raise UnsafePath(f"{path} is not a regular file of this user with one name: move it away")


def write_durably(path: Path, data: bytes) -> None:
    """Write a private file and wait until it is on disk; replaces a leftover of the same name."""
    path.unlink(missing_ok=True)
    write_new(path, data)


def write_new(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a new file durably. Raises FileExistsError if it exists, even as a link."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace_whole(path: Path, data: bytes) -> None:
    """Replace a file atomically by a private one: readers see old or new; a link is replaced."""
    fresh = path.with_name(f".{path.name}.new")
    write_durably(fresh, data)
    fresh.replace(path)


def put_in_place(staged: str | Path, target: str | Path) -> None:
    """Rename a staged file to its target, durably; do nothing if that was done already.

    Raises PermissionError for a pair that no job staged: a tampered database row could name any file.
    """
    source, place = Path(staged), Path(target)
    if source.parent != place.parent or not re.fullmatch(rf"\.{re.escape(place.name)}\.\d+-\d+\.staged", source.name):
        raise PermissionError(errno.EPERM, "no job has staged it under this name", str(source))
    try:
        if not stat.S_ISREG(source.lstat().st_mode):
            raise PermissionError(errno.EPERM, "what is staged is no regular file", str(source))
        source.replace(place)
    except FileNotFoundError:
        return
    sync_folder(Path(target).parent)


def sync_file(path: Path) -> None:
    """Wait until a file's content is on disk; a link raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def readers(path: Path) -> str | None:
    """Explain why other users can read or change a file with secrets, with a remedy; or None."""
    found = path.stat()
    if not _trusted(found.st_uid):
        return f"{path} belongs to {owner(found.st_uid)}: chown {os.geteuid()} {path}"
    mode = stat.S_IMODE(found.st_mode)
    return f"{path} has mode {mode:04o}: chmod 600 {path}" if mode & OTHERS else None


def writers(path: Path) -> tuple[str, str] | None:
    """Explain why users except this one and root can change a path, with a remedy; or None."""
    found = path.stat()
    if not _trusted(found.st_uid):
        return f"{path} belongs to {owner(found.st_uid)}", f"chown {os.geteuid()} {path}"
    mode = stat.S_IMODE(found.st_mode)
    return (f"{path} has mode {mode:04o}", f"chmod go-w {path}") if mode & OTHERS_WRITE else None


def owner(uid: int) -> str:
    """A user's name for messages."""
    import pwd  # noqa: PLC0415 - only needed to name a user

    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"


def _trusted(uid: int) -> bool:
    """True for this user, root, and the user who became root by sudo."""
    sudo = os.environ.get("SUDO_UID", "") if os.geteuid() == 0 else ""
    return uid in {os.geteuid(), 0} or sudo == str(uid)
