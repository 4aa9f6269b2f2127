"""A scratch folder with a queue of its own, removed when it is no longer needed."""

import atexit
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pqkit.db import connect
from pqkit.errors import DatabaseUnavailable


class Scratch(NamedTuple):
    """A private folder and the URL of its queue.

    The queue is in the folder, or on the PostgreSQL server that ``beside`` names.
    """

    folder: Path
    url: str
    beside: str | None = None

    def remove(self) -> None:
        """Delete the folder and the queue.

        A notebook calls this at its end, because its kernel may be killed before exit handlers run.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(DatabaseUnavailable):  # databases on a server that cannot be reached stay
            if self.beside is not None:
                connect(self.beside).drop_scratch(self.url)

    def keep(self) -> None:
        """Leave the folder where it is when this process ends."""
        atexit.unregister(self.remove)


def scratch(beside: str | None = None) -> Scratch:
    """A new private folder with a queue, removed by ``remove()`` or when this process ends.

    If ``beside`` is the URL of a PostgreSQL database, the queue is a new database on its server, and ``beside`` is not
    changed. Raises DatabaseUnavailable if the server does not allow it.
    """
    folder = Path(tempfile.mkdtemp(prefix="pqkit-lab-"))
    try:
        url = f"sqlite:///{folder / 'queue.db'}" if beside is None else connect(beside).make_scratch(folder)
    except BaseException:
        folder.rmdir()
        raise
    here = Scratch(folder, url, beside)
    atexit.register(here.remove)
    return here
