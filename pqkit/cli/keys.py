"""``pqkit keys``: the keys that encrypt stored arguments, results and errors."""

from pathlib import Path
from typing import Annotated

import typer

from pqkit.cli import output as out
from pqkit.cli.inputs import AsJson, BadInput
from pqkit.operations.key_rotation import rotate as rotate_keys
from pqkit.queries.encryption_keys import keys_in_use
from pqkit.queue import get_queue
from pqkit.security import encryption
from pqkit.settings import settings

app = typer.Typer(no_args_is_help=True, help="Make, list and rotate the keys of encrypted jobs.")


@app.callback()
def about() -> None:
    """Make, list and rotate the keys of encrypted jobs."""


@app.command()
def new(
    file: Annotated[
        Path | None, typer.Argument(help="The key file; otherwise the setting key_file.", show_default=False)
    ] = None,
) -> None:
    """Create a key and put it first into the key file: it encrypts from the next start on; older
    keys still decrypt.
    """
    file = file or settings().key_file
    if file is None:
        raise BadInput("name a file, or set PQKIT_KEY_FILE")
    try:
        key = encryption.new_key(file)
    except OSError as error:
        raise BadInput(f"cannot write {file}: {error.strerror}") from None
    out.say(f"key {key} is the first in {file}; keep a copy where the backups are not")
    if settings().key_file is None:
        out.say(f"set PQKIT_KEY_FILE={file.absolute()} for workers and producers")


@app.command("list")
def list_(json: AsJson = False) -> None:
    """List the keys of this process, and the number of jobs that need each."""
    used = {use.key: use for use in keys_in_use(get_queue(create=False).database)}
    known = encryption.known()
    rows = [
        {
            "key": key,
            "here": key in known,
            "encrypts": bool(known) and key == known[0],
            "jobs": used[key].jobs if key in used else 0,
            "unfinished": used[key].unfinished if key in used else 0,
        }
        for key in dict.fromkeys([*known, *used])
    ]
    if json:
        out.show_json(rows)
    elif rows:
        said = [(r["key"], _place(r), r["jobs"], r["unfinished"]) for r in rows]
        out.show(out.table(("key", "here", ">jobs", ">unfinished"), said))
    else:
        out.say("no keys, and no encrypted jobs")


def _place(row: dict[str, object]) -> str:
    return "encrypts" if row["encrypts"] else "decrypts" if row["here"] else "MISSING"


@app.command()
def rotate() -> None:
    """Re-encrypt everything under older keys with the first key; workers may keep running."""
    changed = sum(rotate_keys(get_queue(create=False).database))
    out.say(
        f"encrypted {out.many(changed, 'text')} anew with key {encryption.current()}; older keys are needed no more"
    )
