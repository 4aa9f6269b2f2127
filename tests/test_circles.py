"""No module needs itself through others, not even for a type."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent


def modules(root: Path = ROOT, packages: tuple[str, ...] = ("pqkit", "dashboards")) -> dict[str, Path]:
    """Each module's whole name and file."""
    files = (file for package in packages for file in (root / package).rglob("*.py"))
    return {".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def needs(name: str, known: dict[str, Path]) -> set[str]:
    """The modules that one names in imports, wherever they stand and for whatever purpose."""
    package = name if known[name].name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(known[name].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = _source(package, node)
            found |= {inner if (inner := f"{source}.{alias.name}") in known else source for alias in node.names}
    return (found & known.keys()) - {name}


def _source(package: str, node: ast.ImportFrom) -> str:
    above = package.split(".")[: 1 - node.level or None] if node.level else []
    return ".".join([*above, node.module] if node.module else above)


def circle(known: dict[str, Path]) -> list[str]:
    """The modules of a circle, or none."""
    try:
        TopologicalSorter({name: needs(name, known) for name in known}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_module_needs_itself_through_others() -> None:
    assert circle(modules()) == []


def test_a_circle_of_types_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "pqkit" / "inner"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("from pqkit.inner.one import ONE\n")
    (folder / "one.py").write_text("ONE = 1\n")
    (folder / "two.py").write_text("def two() -> int:\n    from .one import ONE\n    return ONE\n")
    assert circle(modules(tmp_path)) == []
    (folder / "one.py").write_text("if TYPE_CHECKING:\n    from . import two\nONE = 1\n")
    assert set(circle(modules(tmp_path))) == {"pqkit.inner.one", "pqkit.inner.two"}
