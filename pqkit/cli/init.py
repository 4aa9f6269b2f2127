"""`pqkit init`: create a project folder with a copy of the kit."""

import stat
from pathlib import Path
from typing import Annotated

import typer

from pqkit import project_template
from pqkit.errors import Refused
from pqkit.files import OTHERS_WRITE, private_folder, write_new

TASKS = '''"""Your tasks. A worker imports this module because `tasks` in pyproject.toml names it."""

from pqkit import task


@task(queue="greetings", max_retries=3, backoff=[1, 2, 4], timeout=60)
def greet(name: str, times: int = 1, *, ctx) -> str:
    """Try it: pqkit enqueue greet --arg name=Ada --arg times=2"""
    for turn in range(times):
        ctx.progress(turn / times, f"greeting {turn + 1} of {times}")
        ctx.log(f"hello {name}")
    return f"greeted {name} {times} times"
'''

SETTINGS = """# Settings of this queue; the environment (PQKIT_URL ...) and .env win over them.
[tool.pqkit]
url = "sqlite:///data/queue.db"
# The modules with your tasks; the second is the demo's, for `pqkit up --demo`.
tasks = ["tasks", "pqkit.demo.tasks"]
# Your own copy; without this line that which comes with pqkit is used.
supervisor = "supervisor"
"""

IGNORED = "/data/\n/logs/\n/runs/\n__pycache__/\n.ipynb_checkpoints/\n.env\n"

COPIED = ("notebooks", "supervisor")  # a copy of the consoles would miss later fixes
NOT_COPIED = "__pycache__"
MODE = 0o644


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is new or empty.")],
) -> None:
    """Create a project of your own: tasks, settings, notebooks, Supervisor's configuration."""
    lay_out(folder)
    typer.echo(
        f"{folder} is ready:\n"
        "  tasks.py, pyproject.toml             your tasks and settings\n"
        "  notebooks/ supervisor/               the kit, yours to change\n"
        "  Procfile                             for Honcho, where Supervisor does not run\n"
        "Next:\n"
        f"  cd {folder}\n"
        "  pqkit up --demo                      workers, consoles and some input; Ctrl+C stops them\n"
        "  pqkit enqueue greet --arg name=Ada   (in a second terminal)"
    )


def lay_out(folder: Path) -> None:
    """Copy the kit and the samples into ``folder``; raises Refused unless it is new or empty."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(f"{folder} is not an empty folder: name a new one")
    try:
        private_folder(folder)
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) & ~OTHERS_WRITE)  # it may have existed before, empty
        for name in (*COPIED, "Procfile"):
            _copy(project_template.root() / name, folder / name)
        for name, text in {"tasks.py": TASKS, "pyproject.toml": SETTINGS, ".gitignore": IGNORED}.items():
            write_new(folder / name, text.encode(), MODE)
        for name in ("data", "logs"):
            private_folder(folder / name)
    except OSError as error:
        raise Refused(f"{folder} cannot be laid out: {error.strerror or error}") from None


def _copy(source: Path, target: Path) -> None:
    """Copy a file or folder of the kit; only the owner may write the copy, whatever the umask.

    The mode of the original does not matter either.
    """
    if not source.is_dir():
        write_new(target, source.read_bytes(), MODE)
        return
    private_folder(target, new=True)
    for each in source.iterdir():
        if each.name != NOT_COPIED and not each.name.startswith(".") and each.suffix != ".pyc":
            _copy(each, target / each.name)
