"""The kit: folders that users make their own by ``pqkit init``; in the wheel, or in the repository of a checkout."""

from pathlib import Path

FOLDERS = ("notebooks", "dashboards", "supervisor")


def root() -> Path:
    """The folder that holds the kit: ``pqkit/kit`` of an installed wheel, the repository of a checkout."""
    package = Path(__file__).resolve().parent
    carried = package / "kit"
    return carried if carried.is_dir() else package.parent


def outdated(name: str, own: Path) -> list[str]:
    """The modules of the kit's folder of that name that a copy of it has in another version."""
    ours, theirs = root() / name, own.absolute()
    pairs = ((path.relative_to(ours), path) for path in sorted(ours.rglob("*.py")))
    return [str(part) for part, path in pairs if _differs(path, theirs / part)]


def _differs(path: Path, copy: Path) -> bool:
    try:
        return copy.read_bytes() != path.read_bytes()
    except OSError:
        return False  # not copied, so the kit's own


def folder(name: str, own: Path | None) -> Path:
    """The kit's folder of that name; ``own`` in its place, where a setting names one.

    A folder is never taken because it has the name: its code would run where somebody only looks at a project.
    """
    return root() / name if own is None else own.absolute()
