"""The kit: folders that ``pqkit init`` copies for users, from the wheel or the checkout."""

from pathlib import Path

FOLDERS = ("notebooks", "dashboards", "supervisor")


def root() -> Path:
    """The folder that holds the kit: ``pqkit/kit`` of an installed wheel, or the checkout."""
    package = Path(__file__).resolve().parent
    carried = package / "kit"
    return carried if carried.is_dir() else package.parent


def outdated(name: str, own: Path) -> list[str]:
    """The modules of a kit folder that differ in the user's copy."""
    ours, theirs = root() / name, own.absolute()
    pairs = ((path.relative_to(ours), path) for path in sorted(ours.rglob("*.py")))
    return [str(part) for part, path in pairs if _differs(path, theirs / part)]


def _differs(path: Path, copy: Path) -> bool:
    try:
        return copy.read_bytes() != path.read_bytes()
    except OSError:
        return False  # not copied, so the kit's module is used


def folder(name: str, own: Path | None) -> Path:
    """The kit's folder of that name, or ``own`` if a setting names one.

    A folder is never used only because of its name: its code would run when a user only looks at a project.
    """
    return root() / name if own is None else own.absolute()
