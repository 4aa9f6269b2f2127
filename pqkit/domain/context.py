"""The handler's context: fencing token, progress reports, stop requests, session, files."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pqkit.domain.outcomes import Stopped

if TYPE_CHECKING:
    from sqlmodel import Session


def _nowhere(*_: object) -> None:
    """Drop a report: the handler runs outside a worker."""


def _no_session() -> "Session":
    raise RuntimeError("ctx.session is there only while a worker runs the handler")


@dataclass(slots=True)
class Context:
    """Passed as ``ctx`` to a handler that has a parameter of that name.

    ``attempt`` counts every run of the job and only grows; with ``job_id`` it is a fencing token that systems outside
    pqkit can check as well. The worker sends reports with its next heartbeat.
    """

    job_id: int
    attempt: int
    task: str
    report_progress: Callable[[float, str], None] = _nowhere
    report_line: Callable[[str], None] = _nowhere
    stop_asked: Callable[[], bool] = lambda: False
    open_session: Callable[[], "Session"] = _no_session
    staged: list[tuple[str, str]] = field(default_factory=list)
    opened: "Session | None" = None

    @property
    def token(self) -> tuple[int, int]:
        """(job id, attempt): greater for every later run of the same job."""
        return self.job_id, self.attempt

    @property
    def session(self) -> "Session":
        """A SQLModel session on the queue's own database; its commit *is* the job's completion.

        Its writes are kept only if the fence accepts this attempt's finish. It holds the database's write lock from its
        first statement on, so use it at the end of the handler and do not commit it yourself.
        """
        if self.opened is None:
            self.opened = self.open_session()
        return self.opened

    def progress(self, fraction: float, note: str = "") -> None:
        """Report progress from 0 to 1 with a short note; values outside are clamped.

        Raises ValueError for a number that is not finite.
        """
        if not math.isfinite(fraction):
            raise ValueError(f"progress is a number from 0 to 1, not {fraction}")
        self.report_progress(min(max(float(fraction), 0.0), 1.0), str(note))

    def log(self, message: Any) -> None:
        """Store one log line with the job."""
        self.report_line(str(message))

    def should_stop(self) -> bool:
        """True if the worker is stopping, the job was asked to cancel, or its deadline has passed."""
        return self.stop_asked()

    def give_way(self) -> None:
        """Raise Stopped if the handler should stop; call it where stopping does no harm."""
        if self.stop_asked():
            raise Stopped("the handler gave way")

    def stage(self, path: str | Path) -> Path:
        """Return a path beside ``path``; its file replaces ``path`` once the finish is accepted.

        A refused or crashed attempt leaves ``path`` unchanged. If the worker crashes after the finish, maintenance
        moves the file.
        """
        target = Path(path).absolute()
        staged = target.with_name(f".{target.name}.{self.job_id}-{self.attempt}.staged")
        if staged.is_symlink():  # its name is predictable: an attacker's symlink would redirect the write
            staged.unlink()
        self.staged.append((str(staged), str(target)))
        return staged
