"""What a handler may ask for beside its arguments: who it is, how it reports, how its effects join its completion."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pqkit.domain.outcomes import Stopped

if TYPE_CHECKING:
    from sqlmodel import Session


def _nowhere(*_: object) -> None:
    """A report that nobody listens to: the handler runs outside a worker."""


def _no_session() -> "Session":
    raise RuntimeError("ctx.session is there only while a worker runs the handler")


@dataclass(slots=True)
class Context:
    """Passed as ``ctx`` to a handler that has a parameter of that name.

    ``attempt`` counts every run of the job and only grows; with ``job_id`` it is a fencing token that systems outside
    of pqkit can check as well. The reports go out with the worker's next heartbeat.
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
        """A SQLModel session on the queue's own database whose commit *is* the job's completion.

        What it wrote is there exactly when this attempt's finish was accepted. It holds the database's write lock from
        its first statement on, so use it at the end of the handler and do not commit it yourself.
        """
        if self.opened is None:
            self.opened = self.open_session()
        return self.opened

    def progress(self, fraction: float, note: str = "") -> None:
        """Report how far the run is, with a short note; less than 0 counts as 0, and more than 1 as 1.

        Raises ValueError for what is no finite number.
        """
        if not math.isfinite(fraction):
            raise ValueError(f"progress is a number from 0 to 1, not {fraction}")
        self.report_progress(min(max(float(fraction), 0.0), 1.0), str(note))

    def log(self, message: Any) -> None:
        """Keep one line with the job."""
        self.report_line(str(message))

    def should_stop(self) -> bool:
        """True once the worker is stopping, the job was asked to cancel, or its deadline has passed."""
        return self.stop_asked()

    def give_way(self) -> None:
        """Raise if the handler should stop; a loop calls it where stopping does no harm."""
        if self.stop_asked():
            raise Stopped("the handler gave way")

    def stage(self, path: str | Path) -> Path:
        """A path beside ``path`` to write to; it replaces ``path`` once this attempt's finish has been accepted.

        A refused or crashed attempt leaves ``path`` as it was; a crash after the finish is mended by maintenance.
        """
        target = Path(path).absolute()
        staged = target.with_name(f".{target.name}.{self.job_id}-{self.attempt}.staged")
        if staged.is_symlink():  # its name can be foreseen: whoever planted it would have another file written
            staged.unlink()
        self.staged.append((str(staged), str(target)))
        return staged
