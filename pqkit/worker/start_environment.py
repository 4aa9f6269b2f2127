"""What a program of the worker starts in: as the worker was before a handler could change it."""

import os
import resource
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

LIMITS = {name: getattr(resource, name) for name in sorted(dir(resource)) if name.startswith("RLIMIT_")}


class Surroundings(NamedTuple):
    """The working folder, the variables, the mask for new files, and the soft limits of resources."""

    folder: str
    variables: dict[str, str]
    umask: int
    limits: Mapping[str, int] = {}

    def limits_in_words(self) -> str:
        """The limits of this process that a handler has changed; nothing where there are none."""
        now = _limits()
        changed = [f"{name} to {now[name]}" for name, before in self.limits.items() if now[name] != before]
        return f"; a handler has set {', '.join(changed)} in this worker" if changed else ""

    def bring_back(self) -> None:
        """Have this process be in them again, right before it becomes another program."""
        with suppress(OSError):  # gone for everybody
            os.chdir(self.folder)
        os.umask(self.umask)
        os.environ.clear()
        os.environ.update(self.variables)


def surroundings() -> Surroundings:
    """Those of this process now."""
    os.umask(umask := os.umask(0o077))
    return Surroundings(os.getcwd(), dict(os.environ), umask, _limits())  # noqa: PTH109 - as text, for Popen


def _limits() -> dict[str, int]:
    return {name: resource.getrlimit(number)[0] for name, number in LIMITS.items()}
