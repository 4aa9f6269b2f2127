"""The kit: folders that users make their own by ``pqkit init``; in the wheel, or in the repository of a checkout."""

from pathlib import Path

FOLDERS = ("notebooks", "dashboards", "supervisor")


def root() -> Path:
    """The folder that holds the kit: ``pqkit/kit`` of an installed wheel, the repository of a checkout."""
    package = Path(__file__).resolve().parent
    carried = package / "kit"
    return carried if carried.is_dir() else package.parent


def folder(name: str, own: Path | None) -> Path:
    """The kit's folder of that name; ``own`` in its place, where a setting names one.

    A folder is never taken because it has the name: its code would run where somebody only looks at a project.
    """
    return root() / name if own is None else own.absolute()
