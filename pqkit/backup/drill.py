"""The drill: restores the last backup, and reports the duration and the work at risk."""

import shutil
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from pqkit import queries
from pqkit.backup.backup_folder import in_folder, name_for
from pqkit.backup.create import Backup, back_up
from pqkit.backup.restore import restore
from pqkit.db import Database, connect
from pqkit.domain.durations import SECOND
from pqkit.queries.backup_gap import Since


class Drilled(NamedTuple):
    """The result of a drill.

    ``fresh``: the backup was made for the drill. ``seconds``: duration of the restoration with its checks. ``window``
    (seconds) and ``lost``: the work that would be lost, if the queue were lost now.
    """

    backup: Backup
    fresh: bool
    seconds: float
    window: float
    lost: Since


def drill(database: Database, backup: Path | None, folder: Path | None) -> Drilled:
    """Restore a backup into a scratch folder, and compare it with the live queue.

    The backup is the given one, the newest of the folder, or one made now. Raises BackupError if it is not whole.
    """
    scratch = Path(tempfile.mkdtemp(prefix="pqkit-drill-"))
    try:
        known = in_folder(folder) if folder is not None and backup is None else []
        file = backup or (known[-1] if known else None)
        fresh = file is None
        if file is None:
            file = back_up(database, scratch / name_for(time.time())).path
        begun = time.monotonic()
        found = restore(file, connect(f"sqlite:///{scratch}/restored.db"), rescue_after=0)
        seconds = time.monotonic() - begun
        written = file.stat().st_mtime
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    moment, now = found.latest or 0, database.now()
    window = (now - moment) / SECOND if moment else time.time() - written
    return Drilled(found, fresh, seconds, window, queries.since(database, moment))
