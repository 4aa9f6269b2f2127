"""What a program of the worker starts in: as the worker was before a handler could change it."""

import os
from contextlib import suppress
from typing import NamedTuple


class Surroundings(NamedTuple):
    """The working folder, the variables, and the mask for new files."""

    folder: str
    variables: dict[str, str]
    umask: int

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
    return Surroundings(os.getcwd(), dict(os.environ), umask)  # noqa: PTH109 - as text, for Popen
