"""The kit: folders that users make their own by ``pqkit init``; in the wheel, or in the repository of a checkout."""

from pathlib import Path

FOLDERS = ("notebooks", "dashboards", "supervisor")


def root() -> Path:
    """The folder that holds the kit: ``pqkit/kit`` of an installed wheel, the repository of a checkout."""
    package = Path(__file__).resolve().parent
    carried = package / "kit"
    return carried if carried.is_dir() else package.parent


def folder(name: str) -> Path:
    """The kit's folder of that name: a copy in the working folder if there is one, else pqkit's own."""
    own = Path(name).absolute()
    return own if own.is_dir() else root() / name
