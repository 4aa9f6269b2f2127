"""Run a pqkit command that is told to stop when its parent has ended.

Usage: ``python -m pqkit.lab.harness.attached_command PARENT worker …``.
"""

import os
import signal
import sys

from pqkit.process.linux import die_with_parent

if __name__ == "__main__":
    die_with_parent(signal.SIGTERM, int(sys.argv[1]))
    # The kernel keeps this setting across exec.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "pqkit", *sys.argv[2:]])  # noqa: S606 - no shell is wanted
