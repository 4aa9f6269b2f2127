"""The demo's task: stamp a file with the time, once for each job, however often it runs."""

from datetime import UTC, datetime

from pqkit import Context, Fail, get_queue, task
from pqkit.cleanup.file_stamps import STAMP
from pqkit.files import inside, read_regular, write_durably
from pqkit.settings import settings


@task(queue="files")
def stamp_file(name: str, *, ctx: Context) -> dict[str, str]:
    """Prepend ``<UTC time> job=<id>`` to the file ``name`` in the folder ``files`` (a setting).

    The stamped copy is staged and takes the file's place once the queue has accepted that this attempt finished, so a
    run that lost its lease changes nothing. Raises FileNotFoundError (a retry may help) or UnsafePath.
    """
    path = inside(settings().files, name)
    content = read_regular(path)
    found = STAMP.match(content)
    if found is not None and int(found["job"]) == ctx.job_id:
        return {"file": name, "stamped_at": found["time"].decode()}
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    write_durably(ctx.stage(path), f"{now} job={ctx.job_id}\n".encode() + content)
    return {"file": name, "stamped_at": now}


@task(queue="files")
def clean_files(days: float = 7.0) -> dict[str, int]:
    """Delete files that were stamped ``days`` ago, like `pqkit files clean`: for a schedule.

    ``days`` is at least 1: every user who may queue a job may choose it, and only an admin deletes files in use.
    """
    if not days >= 1:
        raise Fail("files of the last day are kept: days must be 1 or more")
    from pqkit.cleanup.stamped_files import delete, useless  # noqa: PLC0415 - its questions load SQLAlchemy

    folder = settings().files
    return {"deleted": delete(folder, useless(get_queue(create=False), folder, days * 86_400))}
