"""Room for scratch databases where a database lives: for SQLite, a private folder on the same disk."""

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path

from pqkit.db.connect import connect
from pqkit.db.sqlite import SqliteDatabase
from pqkit.errors import DatabaseUnavailable, UnsupportedUrl


class Site:
    """Hands out new places, each a folder and the URL of a database that is not there yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = count(1)

    def new(self) -> tuple[Path, str]:
        place = self.folder / str(next(self._numbers))
        place.mkdir()
        return place, f"sqlite:///{place / 'queue.db'}"


@contextmanager
def site_beside(url: str) -> Iterator[Site]:
    """A site on the disk of the database behind ``url``, which need not be there; it is gone afterwards."""
    database = connect(url)
    if not isinstance(database, SqliteDatabase):
        raise UnsupportedUrl(
            f"{database.name}: benchmarks make scratch databases, and only where a SQLite file would be"
        )
    wanted = database.path.parent
    disk = next(folder for folder in (wanted, *wanted.parents) if folder.is_dir())
    try:
        folder = Path(tempfile.mkdtemp(prefix="pqkit-bench-", dir=disk))
    except OSError as error:
        raise DatabaseUnavailable(f"cannot make a folder in {disk}: {error.strerror}") from error
    remove = partial(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(remove)  # who is impatient presses Ctrl+C twice
    try:
        yield Site(folder)
    finally:
        remove()
        atexit.unregister(remove)
