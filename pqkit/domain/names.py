"""Rules for the names of jobs, queues, workers and keys."""

from pqkit.domain.retry_policy import (
    BadPolicy,
    check_named,
)


class BadOrder(BadPolicy):
    """An invalid option of an enqueue."""


def check_name(what: str, name: str) -> str:
    """Return the name if it is valid. Raises BadOrder otherwise."""
    try:
        check_named(what, name)
    except BadPolicy as error:
        raise BadOrder(str(error)) from None
    return name
