"""The environment for programs that the worker starts, saved before a handler can change it."""

import os
import resource
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

LIMITS = {name: getattr(resource, name) for name in sorted(dir(resource)) if name.startswith("RLIMIT_")}


class Surroundings(NamedTuple):
    """The working folder, environment variables, umask and soft resource limits."""

    folder: str
    variables: dict[str, str]
    umask: int
    limits: Mapping[str, int] = {}

    def limits_in_words(self) -> str:
        """Return the limits of this process that a handler has changed, in words; empty if none."""
        now = _limits()
        changed = [f"{name} to {now[name]}" for name, before in self.limits.items() if now[name] != before]
        return f"; a handler has set {', '.join(changed)} in this worker" if changed else ""

    def bring_back(self) -> None:
        """Restore the environment, right before this process executes another program."""
        with suppress(OSError):  # the folder no longer exists
            os.chdir(self.folder)
        os.umask(self.umask)
        os.environ.clear()
        os.environ.update(self.variables)


def surroundings() -> Surroundings:
    """Return the current environment of this process."""
    os.umask(umask := os.umask(0o077))
    return Surroundings(os.getcwd(), dict(os.environ), umask, _limits())  # noqa: PTH109 - as text, for Popen


def _limits() -> dict[str, int]:
    return {name: resource.getrlimit(number)[0] for name, number in LIMITS.items()}
