"""The house: imports go down only, and the heavy libraries stay out of the worker's way."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from pqkit import Queue

PACKAGE = Path(__file__).parent.parent / "pqkit"

# A room may import rooms of lower floors, and the rooms of its own floor that are named beside it.
FLOORS: list[dict[str, set[str]]] = [
    {
        "errors": set(),
        "states": set(),
        "version": set(),
        "retry": {"errors"},
        "exact": set(),
        "conversion": {"exact"},
        "payload": {"errors", "exact"},
        "outcome": {"errors", "payload", "retry", "states"},
        "context": {"outcome"},
        "hooks": {"states"},
        "tasks": {"conversion", "errors", "exact", "payload", "retry"},
        "audit": {"outcome", "states", "wallclock"},
        "record": {"audit", "crowd", "limits", "states"},
        "seal": set(),
        "histogram": set(),
        "redact": {"errors", "redact_texts", "secret_words"},
        "redact_texts": {"secret_words"},
        "secret_words": set(),
        "rights": {"errors"},
        "limits": {"errors", "retry"},
        "crowd": {"limits", "redact", "wallclock"},
        "wallclock": set(),
        "redrive": set(),
        "fingerprint": set(),
        "forecast": set(),
        "samples": set(),
        "timetable": {"errors", "retry"},
        "extras": set(),
        "files": {"errors"},
        "forwarded": set(),
    },
    {
        "columns": set(),
        "models": {"columns"},
        "settings": {"redact", "secret_words"},
        "cipher": {"settings"},
        "kit": set(),
        "public": {"settings"},
    },
    {
        "sql": set(),
        "db": {"sql", "log"},
        "archive": set(),
        "past": {"archive"},
        "permissions": set(),
        "process": set(),
        "rhythm": set(),
        "tracing": set(),
        "offspring": set(),
        "statements": {"sql"},
        "log": set(),
    },
    {"queue": set(), "queries": set(), "access": {"queue"}},
    {
        "charts": set(),
        "executor": set(),
        "retention": set(),
        "backup": set(),
        "duties": set(),
        "maintain": {"backup", "duties", "retention"},
        "supervise": set(),
        "demo": set(),
        "api": {"maintain", "worker"},
        "client": set(),
        "worker": {"executor", "maintain"},
        "notebook": set(),
        "incident": set(),
        "lab": {"incident", "notebook", "backup", "charts", "worker", "executor", "duties", "maintain", "supervise"},
        "testing": {"executor", "worker"},
        "bench": {"lab"},
    },
    {"cli": set(), "__main__": {"cli"}, "__init__": set()},
]
HEAVY = {
    "sqlalchemy",
    "sqlmodel",
    "panel",
    "holoviews",
    "bokeh",
    "pandas",
    "papermill",
    "alembic",
    "IPython",
    "supervisor",
    "fastapi",
    "argon2",
    "prometheus_client",
    "opentelemetry",
}


def room_of(file: Path) -> str:
    part = file.relative_to(PACKAGE).parts[0]
    return part.removesuffix(".py")


def imports(file: Path) -> set[str]:
    """The modules that a file imports when it runs, wherever in it; what only a type checker sees does not count."""
    tree = ast.parse(file.read_text())
    hidden = {id(node) for guard in ast.walk(tree) if _for_types(guard) for node in ast.walk(guard)}
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def rooms_above(file: Path, floors: list[dict[str, set[str]]] = FLOORS) -> set[str]:
    """The rooms that a file imports although they are not below its own."""
    room = room_of(file)
    height = next(number for number, floor in enumerate(floors) if room in floor)
    allowed = {name for floor in floors[:height] for name in floor} | floors[height][room] | {room}
    wanted = {name.split(".")[1] for name in imports(file) if name.startswith("pqkit.")}
    known = {name for floor in floors for name in floor}
    return {name for name in wanted if name in known and name not in allowed}


FILES = sorted(file for file in PACKAGE.rglob("*.py") if "kit" not in file.relative_to(PACKAGE).parts[:-1])


def test_every_room_has_a_floor() -> None:
    assert {room_of(file) for file in FILES} <= {name for floor in FLOORS for name in floor}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_go_down_only(file: Path) -> None:
    if room_of(file) == "__init__":
        return
    assert rooms_above(file) == set()


def test_an_import_upwards_is_found() -> None:
    upside_down = [{"queue": set[str](), "worker": set[str]()}, *FLOORS[:3]]
    assert rooms_above(PACKAGE / "worker" / "loop.py", upside_down)


def test_only_the_database_room_names_a_dialect() -> None:
    """``postgresql_where`` beside ``sqlite_where`` is how Core says a partial index for both, and some experiments of
    the lab do harm to SQLite's files."""
    harming = {PACKAGE / "lab" / name for name in ("client.py", "faults.py", "powercut.py", "syscalls.py")}
    harming |= set((PACKAGE / "lab" / "simulated").glob("*.py"))
    for file in FILES:
        if room_of(file) in {"columns", "db", "models", "settings", "sql", "statements", "cli"} or file in harming:
            continue
        names = {n.id for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Name)}
        assert not {name for name in names if "sqlite" in name.lower() or "postgres" in name.lower()}, file


def test_the_executor_touches_no_database() -> None:
    assert not {name for name in imports(PACKAGE / "executor.py") if "sql" in name or name.startswith("pqkit.db")}


def test_only_the_room_of_charts_draws() -> None:
    drawing = {"bokeh", "holoviews"}
    drawers = {room_of(file) for file in FILES if drawing & {name.split(".")[0] for name in imports(file)}}
    assert drawers == {"charts"}


def test_dashboards_hold_no_sql() -> None:
    for file in (PACKAGE.parent / "dashboards").glob("*.py"):
        wanted = imports(file)
        assert not {name for name in wanted if name.split(".")[0] in {"sqlalchemy", "sqlmodel", "sqlite3"}}, file
        ours = {name.split(".")[1] for name in wanted if name.startswith("pqkit.")}
        assert not ours & {"db", "statements", "models", "sql"}, file


def test_a_worker_imports_nothing_heavy() -> None:
    code = "import sys, pqkit.worker, pqkit.log; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "pydantic" in loaded
    assert not HEAVY & set(loaded)


LOADED_ALONE = """
import importlib, sys
from pqkit.cli import ALONE
for name in ALONE:
    importlib.import_module(f"pqkit.cli.{name}")
print(*{name.split(".")[0] for name in sys.modules})
"""


def test_a_command_that_is_loaded_alone_imports_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED_ALONE], capture_output=True, text=True, check=True)
    assert "typer" in done.stdout.split()
    assert not HEAVY & set(done.stdout.split())


FIRST_JOB = """
import sys
from pqkit import get_queue
queue = get_queue(sys.argv[1])
queue.enqueue("call")
worker = queue.leases("w", 1, ["call"])
worker.register()
assert len(worker.exchange([], 1, alone=True).claims) == 1
print(*{name.split(".")[0] for name in sys.modules})
"""


def test_the_way_to_the_first_job_meets_nothing_heavy(queue: Queue, url: str) -> None:
    done = subprocess.run([sys.executable, "-c", FIRST_JOB, url], capture_output=True, text=True, check=True)
    assert "pydantic" in done.stdout.split()
    assert not HEAVY & set(done.stdout.split())
