"""Creates scratch databases on the same disk or the same server as a given database."""

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
    """Hands out new folders, each with the URL of a database that is empty or not created yet."""

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
        """Delete everything; databases on a server that cannot be reached stay."""
        with suppress(DatabaseUnavailable):
            while self._urls:
                self.beside.drop_scratch(self._urls.pop())
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def site_beside(url: str) -> Iterator[Site]:
    """A site beside the database behind ``url``, removed at the end; a file need not exist.

    Raises DatabaseUnavailable if nothing can be created there.
    """
    database = connect(url)
    disk = _disk_of(database.path) if isinstance(database, SqliteDatabase) else None
    try:
        folder = Path(tempfile.mkdtemp(prefix="pqkit-bench-", dir=disk))
    except OSError as error:
        raise DatabaseUnavailable(f"cannot make a folder in {disk}: {error.strerror}") from error
    site = Site(folder, database)
    atexit.register(site.remove)  # an impatient user presses Ctrl+C twice
    try:
        yield site
    finally:
        site.remove()
        atexit.unregister(site.remove)


def _disk_of(file: Path) -> Path:
    return next(folder for folder in file.parents if folder.is_dir())
