"""Which jobs are meant: a filter says something that some job can fit, or is refused."""

from dataclasses import dataclass
from math import inf

from pqkit.domain.states import JobState
from pqkit.errors import PqkitError


class BadFilter(PqkitError, ValueError):
    """A filter that says nothing, or that no job can fit."""


@dataclass(frozen=True)
class Filter:
    """Which jobs. Ages are seconds since the job was created; ``text`` is looked for in the arguments, ``error`` in
    the last error, both as they are shown, in any case of letters; ``group`` is a pattern of errors.

    What is encrypted is not searched, nor are secrets: what a console hides, nobody can guess. Raises BadFilter for a
    text without a letter or digit, which could fit every job, for an unknown state, and for an age that is none.
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
        """Whether texts are searched: which of them fit is known when they are redacted."""
        return self.text is not None or self.in_errors

    @property
    def in_errors(self) -> bool:
        """Whether errors are searched: only jobs that have one can fit."""
        return (self.error, self.group) != (None, None)


def _check_states(states: object) -> None:
    given = list(states) if isinstance(states, (list, tuple, set, frozenset)) else [None]
    strange = [state for state in given if state not in set(JobState)]
    if strange:
        raise BadFilter(f"the filter states takes a sequence of {', '.join(JobState)}, not {states!r:.80}")


ALL = Filter()
