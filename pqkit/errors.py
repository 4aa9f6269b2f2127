"""Errors whose message is one clear line for the person who caused or must mend them."""


class PqkitError(Exception):
    """Base of pqkit's own errors."""


class UnsupportedUrl(PqkitError, ValueError):
    """A database URL that pqkit has no back end for."""


class ForeignSession(PqkitError, ValueError):
    """A session that the queue cannot join: it is on another database, or under another SQLite library."""


class SchemaError(PqkitError):
    """The database is not one that this version can work on."""


class DatabaseUnavailable(PqkitError):
    """The database cannot be reached or written just now; trying again later may help."""


class LockTimeout(DatabaseUnavailable):
    """Others held the database's write lock for longer than anybody waits; an attempt that meets it is not charged."""


class WrongClock(PqkitError):
    """This process reads another time than the others on its machine."""


class ForkedWhileOpen(PqkitError):
    """A process that was forked in the midst of its parent's transaction cannot use the same SQLite file."""


class NotFound(PqkitError, LookupError):
    """No such job, queue, task or worker."""


class Refused(PqkitError):
    """The verb is not allowed in the state that things are in."""


class Forbidden(PqkitError):
    """Whoever asks may not do that."""


class NotLoggedIn(PqkitError):
    """There is no such session or token, or it is over."""


class NotConfirmed(PqkitError):
    """A person has to give the password again before something is destroyed."""


class LoginRefused(PqkitError):
    """A login that failed or came too soon; ``retry_after`` is how many seconds to wait before the next."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class LeaseLost(PqkitError):
    """This attempt no longer holds its job: what it would write is thrown away."""


class JobFailed(PqkitError):
    """Raised by ``Job.result()`` for a job that ended without a result; ``state`` says how."""

    def __init__(self, job_id: int, state: str, error: str | None) -> None:
        super().__init__(f"job {job_id} is {state}: {error or 'no reason was given'}")
        self.job_id, self.state, self.error = job_id, state, error


def for_anybody(error: Exception) -> str:
    """The error's words for somebody who has shown no right to see where the database is."""
    if isinstance(error, DatabaseUnavailable | SchemaError):
        return "the database cannot be used just now (`pqkit doctor` says why)"
    return str(error)
