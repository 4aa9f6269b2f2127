"""pqkit's errors: each message is one clear line for the person who can fix it."""


class PqkitError(Exception):
    """Base of pqkit's own errors."""


class UnsupportedUrl(PqkitError, ValueError):
    """A database URL that no back end of pqkit supports."""


class ForeignSession(PqkitError, ValueError):
    """A session that the queue cannot join: another database, or another SQLite library."""


class SchemaError(PqkitError):
    """This version of pqkit cannot use the database's schema."""


class DatabaseUnavailable(PqkitError):
    """The database cannot be reached or written at the moment; a later retry may help."""


class LockTimeout(DatabaseUnavailable):
    """Other writers held the write lock past the timeout; the attempt is not charged."""


class WrongClock(PqkitError):
    """This process's clock differs from that of the other processes on its machine."""


class ForkedWhileOpen(PqkitError):
    """A process forked during its parent's transaction cannot use the same SQLite file."""


class NotFound(PqkitError, LookupError):
    """No such job, queue, task or worker."""


class Refused(PqkitError):
    """The verb is not allowed in the current state."""


class Forbidden(PqkitError):
    """The user lacks the permission."""


class NotLoggedIn(PqkitError):
    """The session or token does not exist or has expired."""


class NotConfirmed(PqkitError):
    """A destructive action needs the password again."""


class LoginRefused(PqkitError):
    """A login failed or came too soon; ``retry_after`` is the seconds to wait."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class LeaseLost(PqkitError):
    """This attempt no longer holds its job: its writes are discarded."""


class JobFailed(PqkitError):
    """Raised by ``Job.result()`` for a job that ended without a result; ``state`` says how."""

    def __init__(self, job_id: int, state: str, error: str | None) -> None:
        super().__init__(f"job {job_id} is {state}: {error or 'no reason was given'}")
        self.job_id, self.state, self.error = job_id, state, error


def for_anybody(error: Exception) -> str:
    """The error's message for a client without the right to see where the database is."""
    if isinstance(error, DatabaseUnavailable | SchemaError):
        return "the database cannot be used just now (`pqkit doctor` says why)"
    return str(error)
