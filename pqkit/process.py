"""What Linux lets a process say about its end."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(number: signal.Signals, parent: int | None = None) -> None:
    """Get the signal when the parent process ends; at once when it has ended already. Elsewhere than Linux: nothing."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), number)


def die_with_supervisor() -> None:
    """Under Supervisor: get SIGTERM when it ends, however it ends, so that nothing it ran outlives it."""
    if "SUPERVISOR_ENABLED" in os.environ:
        die_with_parent(signal.SIGTERM)


def exit_words(code: int) -> str:
    """A child's exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"signal {-code}"
