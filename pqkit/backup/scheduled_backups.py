"""Scheduled backups: each is a child process that maintenance does not wait for."""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import IO

from pqkit.backup.backup_folder import age, in_folder
from pqkit.files import private_folder
from pqkit.log import get_logger
from pqkit.process.linux import PYTHON
from pqkit.settings import Settings

LOOK_EVERY = 60.0
HOUR = 3_600.0


class Schedule:
    """Backs up into the folder of the setting ``backups``, if it is set."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._child: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None
        self._next = 0.0
        self._log = get_logger("maintenance")

    def step(self, now: float) -> None:
        """Begin a backup when one is due, and log how it ended; ``now`` is monotonic seconds."""
        if self._child is not None:
            self._look_at(self._child)
        elif self._settings.backups is not None and now >= self._next:
            self._next = now + LOOK_EVERY
            if self._is_due(self._settings.backups):
                self._begin(self._settings.backups)

    def stop(self) -> None:
        """Kill a running backup; its half-written file does not count as a backup."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()

    def _is_due(self, folder: Path) -> bool:
        known = in_folder(folder)
        return not known or age(known[-1]) >= self._settings.backup_every * HOUR

    def _begin(self, folder: Path) -> None:
        private_folder(folder)
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the child has ended
        self._child = subprocess.Popen(
            [
                PYTHON,
                "-P",
                "-m",
                "pqkit",
                "db",
                "backup",
                str(folder),
                "--keep",
                str(self._settings.backup_keep),
            ],
            env={**os.environ, "PQKIT_URL": self._settings.url},  # process lists must not show its password
            stdout=self._said,
            stderr=self._said,
        )

    def _look_at(self, child: "subprocess.Popen[bytes]") -> None:
        if child.poll() is None or self._said is None:
            return
        self._said.seek(0)
        words = self._said.read().decode(errors="replace").strip()
        self._said.close()
        self._child = self._said = None
        if child.returncode:
            self._log.error("the backup failed, trying again", why=words)
        else:
            self._log.info("backed up", what=words)
