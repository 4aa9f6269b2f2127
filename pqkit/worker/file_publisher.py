"""Publishes staged files of finished jobs: renames them to their targets after the commit."""

from collections.abc import Sequence
from contextlib import suppress

from pqkit.errors import DatabaseUnavailable
from pqkit.files import put_in_place
from pqkit.log import get_logger
from pqkit.queue import Finished, Leases


def put_files_in_place(leases: Leases, finished: Sequence[Finished]) -> None:
    """Put staged files in place; maintenance retries those that fail."""
    done = []
    for job_id, staged, target in [
        (f.claim.job_id, *pair) for f in finished if f.outcome.files for pair in f.outcome.files
    ]:
        try:
            put_in_place(staged, target)
            done.append((job_id, staged))
        except OSError as error:
            said = "cannot put a file in place, maintenance tries again"
            get_logger("worker").error(said, job=job_id, error=str(error))
    if done:
        with suppress(DatabaseUnavailable):  # maintenance finds them in place
            leases.renamed(done)
