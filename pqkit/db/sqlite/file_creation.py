"""Creates a SQLite file atomically and in WAL mode, even if many processes start together."""

import os
import random
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from pqkit.db.sqlite.driver import is_busy, sqlite
from pqkit.files import private_folder

PATIENCE = 60.0
LEFT_BY_THE_DEAD = 600.0


def create(path: Path) -> None:
    """Create an empty database in WAL mode, private to its owner; an existing file is kept.

    The directory entry is synced to disk. Only SQLite opens the file: closing any other handle would drop the locks
    that all threads of this process hold on it.
    """
    private_folder(path.parent)
    if not path.exists():
        _put_in_place(path)
    _write_ahead(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def _put_in_place(path: Path) -> None:
    """Create the file under a temporary name in the same folder, then link it to its name."""
    prefix = f".{path.name}-new-"
    _tidy(path.parent, prefix)
    handle, name = tempfile.mkstemp(prefix=prefix, dir=path.parent)
    os.close(handle)
    made = Path(name)
    _write_ahead(made)
    try:
        path.hardlink_to(made)
    except FileExistsError:
        return  # another process was faster
    except OSError:  # a file system without links
        made.rename(path)
    finally:
        made.unlink(missing_ok=True)


def _tidy(folder: Path, prefix: str) -> None:
    """Remove temporary files of processes that were killed while they created the database."""
    for old in folder.glob(f"{prefix}*"):
        with suppress(FileNotFoundError):
            if time.time() - old.stat().st_mtime > LEFT_BY_THE_DEAD:
                old.unlink()


def _write_ahead(path: Path) -> None:
    """Set WAL mode. Retries, because SQLite does not wait for others that do the same."""
    until = time.monotonic() + PATIENCE
    while True:
        connection = sqlite.connect(str(path), isolation_level=None, timeout=30)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite.OperationalError as error:
            if not is_busy(error) or time.monotonic() > until:
                raise
            time.sleep(random.uniform(0.001, 0.02))  # noqa: S311 - not a secret
        else:
            return
        finally:
            connection.close()
