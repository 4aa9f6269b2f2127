"""Files that jobs touch: only regular files inside one folder, replaced whole, on disk before anyone is told."""

import os
import stat
from pathlib import Path

from pqkit.errors import PqkitError


class UnsafePath(PqkitError, ValueError):
    """A file name that leads out of its folder, or to something that is not a regular file."""


def inside(root: Path, name: str) -> Path:
    """``root / name`` for a plain file name. Raises UnsafePath for anything else: the name is data, not a path."""
    if not name or name in {".", ".."} or name != Path(name).name or "\x00" in name:
        raise UnsafePath(f"{name!r} is not a plain file name")
    return root.absolute() / name


def read_regular(path: Path) -> bytes:
    """The file's bytes. A link, a folder or a device raises UnsafePath; a missing file FileNotFoundError."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        handle = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise UnsafePath(f"{path.name} cannot be opened as a regular file: {error.strerror}") from None
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(handle).st_mode):  # asked before fdopen, which raises for a folder and leaves it open
        os.close(handle)
        raise UnsafePath(f"{path.name} is not a regular file")
    with os.fdopen(handle, "rb") as file:
        return file.read()


def write_durably(path: Path, data: bytes) -> None:
    """Write a new file, private to its owner, and wait until it is on disk. Replaces a left-over of the same name."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def put_in_place(staged: str | Path, target: str | Path) -> None:
    """Rename a staged file onto its target, durably; nothing is left to do where that was done already."""
    try:
        Path(staged).replace(target)
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
