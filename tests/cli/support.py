"""Running ``pqkit`` as a user's shell does: as the real program, or inside this process where that is enough."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.support import PATIENCE

PROGRAM = str(Path(sys.executable).with_name("pqkit"))


class Answer(NamedTuple):
    """What one run came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def is_one_clear_line(self) -> bool:
        """Bad input as users see it: exit code 2, one line on standard error, nothing else."""
        return self.code == 2 and not self.out and self.err.startswith("pqkit: ") and self.err.count("\n") == 1


Pqkit = Callable[..., Answer]


def run_program(folder: Path, *arguments: object, stdin: bytes = b"", **settings: str) -> Answer:
    """Run the real program in that folder, with settings by name."""
    done = subprocess.run(
        [PROGRAM, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, **{f"PQKIT_{name}": value for name, value in settings.items()}},
        input=stdin,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())


def read_screen(screen: int, shown: bytearray) -> bool:
    """Add what a pseudo-terminal shows next, if it shows something now; False when its other end is closed."""
    try:
        if select.select([screen], [], [], 0)[0]:
            shown += os.read(screen, 65536)
    except OSError:
        return False
    return True
