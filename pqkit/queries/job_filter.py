"""Filters of jobs; a filter that is empty or that no job can match is refused."""

from dataclasses import dataclass
from math import inf

from pqkit.domain.states import JobState
from pqkit.errors import PqkitError


class BadFilter(PqkitError, ValueError):
    """The filter says nothing, or no job can match it."""


@dataclass(frozen=True)
class Filter:
    """Conditions on jobs; ages are seconds since the job was created.

    ``text`` is searched for in the arguments and ``error`` in the last error, both as they are shown, ignoring case;
    ``group`` is an error pattern.

    Encrypted values and secrets are not searched: a search must not reveal what a console hides. Raises BadFilter for a
    text without a letter or digit, which could match every job, for an unknown state, and for an invalid age.
    """

    states: tuple[JobState, ...] = ()
    queue: str | None = None
    task: str | None = None
    older_than: float | None = None
    newer_than: float | None = None
    text: str | None = None
    error: str | None = None
    group: str | None = None

    def __post_init__(self) -> None:
        for name in ("queue", "task", "text", "error", "group"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, str) and value.strip()):
                raise BadFilter(f"the filter {name} is blank, and a blank one is no filter: leave it out")
        for name in ("text", "error"):
            if not any(map(str.isalnum, getattr(self, name) or "any")):
                raise BadFilter(f"the filter {name} has no letter and no digit, so it could fit every job")
        for name in ("older_than", "newer_than"):
            age = getattr(self, name)
            if age is not None and (type(age) not in {int, float} or not 0 <= age < inf):
                raise BadFilter(f"the filter {name} must be seconds, 0 or more, not {age!r}")
        _check_states(self.states)

    @property
    def by_words(self) -> bool:
        """True if texts are searched: only after redaction is it known which of them match."""
        return self.text is not None or self.in_errors

    @property
    def in_errors(self) -> bool:
        """True if errors are searched: only jobs that have one can match."""
        return (self.error, self.group) != (None, None)


def _check_states(states: object) -> None:
    given = list(states) if isinstance(states, (list, tuple, set, frozenset)) else [None]
    strange = [state for state in given if state not in set(JobState)]
    if strange:
        raise BadFilter(f"the filter states takes a sequence of {', '.join(JobState)}, not {states!r:.80}")


ALL = Filter()
