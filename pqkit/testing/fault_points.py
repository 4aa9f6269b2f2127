"""The steps of a handler (its own lines and file changes), and a kill before one of them."""

import json
import os
import signal
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

EFFECTS = {"os.remove", "os.rename", "os.link", "os.symlink", "os.mkdir", "os.rmdir", "os.truncate", "subprocess.Popen"}
LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})
PQKIT = str(Path(__file__).parent.parent)
END = "its end, before its finish was written"


class Steps:
    """Counts the steps of the handler ``function``, and kills this process before ``kill_at``."""

    def __init__(self, kill_at: int | None, labels: Path, function: Callable[..., Any]) -> None:
        self._kill_at, self._file = kill_at, labels
        code = getattr(function, "__code__", None)
        self._code, self._home = code, code.co_filename if code is not None else ""
        self._labels: list[str] = []
        self._inside = 0

    def trace(self) -> None:
        """Start counting."""
        sys.addaudithook(self._audit)
        sys.settrace(self._enter)

    def end(self) -> None:
        """Count the last step: the handler has ended, and the queue does not know it yet."""
        self._step(END)
        self._file.write_text(json.dumps(self._labels))

    def _enter(self, frame: FrameType, _event: str, _arg: Any) -> Any:
        if frame.f_code is self._code:
            self._inside += 1
            return self._line
        return self._line if self._inside and self._is_own(frame.f_code.co_filename) else None

    def _line(self, frame: FrameType, event: str, _arg: Any) -> Any:
        if event == "line":
            self._step(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}")
        elif event == "return" and frame.f_code is self._code:
            self._inside -= 1  # a coroutine also returns at each await
        return self._line

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if (
            self._inside
            and (event in EFFECTS or (event == "open" and _writes(args)))
            and "__pycache__" not in str(args)
        ):
            self._step(f"{event} {args[0]}")

    def _is_own(self, file: str) -> bool:
        return file == self._home or not file.startswith((*LIBRARIES, PQKIT, "<"))

    def _step(self, label: str) -> None:
        inside, self._inside = self._inside, 0  # this method's own effects are no steps
        self._labels.append(label)
        if len(self._labels) == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self._inside = inside


def _writes(args: tuple[Any, ...]) -> bool:
    _path, mode, flags = args
    return bool(flags & (os.O_WRONLY | os.O_RDWR)) if isinstance(flags, int) else any(c in (mode or "") for c in "wax+")
