"""Names that jobs, queues, workers and keys may have."""

from pqkit.domain.retry_policy import (
    BadPolicy,
    check_named,
)


class BadOrder(BadPolicy):
    """An option of an enqueue that makes no sense."""


def check_name(what: str, name: str) -> str:
    """The name, where it may be one. Raises BadOrder otherwise."""
    try:
        check_named(what, name)
    except BadPolicy as error:
        raise BadOrder(str(error)) from None
    return name
