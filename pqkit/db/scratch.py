"""Room for scratch databases where a database lives: a private folder on the same disk, or on the same server."""

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from pqkit.db.base import Database
from pqkit.db.connect import connect
from pqkit.db.sqlite.database import SqliteDatabase
from pqkit.errors import DatabaseUnavailable
from pqkit.files import private_folder


class Site:
    """Hands out new places, each a folder and the URL of an empty database, or of one that is not there yet."""

    def __init__(self, folder: Path, beside: Database) -> None:
        self.folder, self.beside = folder, beside
        self._numbers = count(1)
        self._urls: list[str] = []

    @property
    def on_a_server(self) -> bool:
        return not isinstance(self.beside, SqliteDatabase)

    def new(self) -> tuple[Path, str]:
        place = self.folder / str(next(self._numbers))
        private_folder(place, new=True)
        self._urls.append(self.beside.make_scratch(place))
        return place, self._urls[-1]

    def remove(self) -> None:
        """Delete it all; a server that is away keeps what it has."""
        with suppress(DatabaseUnavailable):
            while self._urls:
                self.beside.drop_scratch(self._urls.pop())
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def site_beside(url: str) -> Iterator[Site]:
    """A site beside the database behind ``url``, which need not be there if it is a file; it is gone afterwards.

    Raises DatabaseUnavailable where nothing can be made there.
    """
    database = connect(url)
    disk = _disk_of(database.path) if isinstance(database, SqliteDatabase) else None
    try:
        folder = Path(tempfile.mkdtemp(prefix="pqkit-bench-", dir=disk))
    except OSError as error:
        raise DatabaseUnavailable(f"cannot make a folder in {disk}: {error.strerror}") from error
    site = Site(folder, database)
    atexit.register(site.remove)  # who is impatient presses Ctrl+C twice
    try:
        yield site
    finally:
        site.remove()
        atexit.unregister(site.remove)


def _disk_of(file: Path) -> Path:
    return next(folder for folder in file.parents if folder.is_dir())
