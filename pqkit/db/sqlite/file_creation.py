"""Making a SQLite file: it appears whole and in WAL mode, once for many who start together."""

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
    """An empty database in WAL mode, private to its owner, whose directory entry is on disk; what is there is kept.

    The file is never opened but by SQLite: to close it would take from all threads of this process the locks that
    they hold on it.
    """
    private_folder(path.parent)
    if not path.exists():
        _put_in_place(path)
    _write_ahead(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def _put_in_place(path: Path) -> None:
    """Make it beside, under a name that nobody looks for, and give it its own."""
    prefix = f".{path.name}-new-"
    _tidy(path.parent, prefix)
    handle, name = tempfile.mkstemp(prefix=prefix, dir=path.parent)
    os.close(handle)
    made = Path(name)
    _write_ahead(made)
    try:
        path.hardlink_to(made)
    except FileExistsError:
        return  # another was faster
    except OSError:  # a file system without links
        made.rename(path)
    finally:
        made.unlink(missing_ok=True)


def _tidy(folder: Path, prefix: str) -> None:
    """Remove what those have left who were killed in the midst of it."""
    for old in folder.glob(f"{prefix}*"):
        with suppress(FileNotFoundError):
            if time.time() - old.stat().st_mtime > LEFT_BY_THE_DEAD:
                old.unlink()


def _write_ahead(path: Path) -> None:
    """Set WAL mode. SQLite does not wait for others who do the same."""
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
