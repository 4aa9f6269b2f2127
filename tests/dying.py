"""A handler whose thread ends under it, with none of Python's own ways out."""

import ctypes

from pqkit import task


@task
def ends_its_thread() -> None:
    ctypes.CDLL(None).pthread_exit(None)


@task
def dying_ok() -> str:
    return "fine"
