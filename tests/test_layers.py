"""The house: imports go down only, and the heavy libraries stay out of the worker's way."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from pqkit import Queue

PACKAGE = Path(__file__).parent.parent / "pqkit"
CONSOLES = PACKAGE.parent / "dashboards"

# A room may import rooms of lower floors, and the rooms of its own floor that are named beside it.
FLOORS: list[dict[str, set[str]]] = [
    {"errors": set(), "version": set(), "extras": set()},
    {"domain": set(), "redaction": set(), "files": set()},
    {"settings": set(), "models": set(), "audit": set(), "project_template": set(), "client": set()},
    {"sql": set(), "log": set(), "process": set(), "tracing": set(), "security": set()},
    {"db": set()},
    {"leasing": set(), "queries": set()},
    {"jobs": set()},
    {"operations": set()},
    {"backup": set()},
    {"maintenance": set()},
    {"queue": set(), "supervise": set()},
    {"auth": set(), "charts": set(), "cleanup": set(), "notebook": set(), "worker": set(), "compatibility": set()},
    {
        "demo": set(),
        "api": set(),
        "testing": set(),
        "lab": {"incidents"},
        "incidents": {"lab"},
        "planning": {"lab"},
    },
    {"bench": set()},
    {"cli": set(), "__main__": {"cli"}, "__init__": set()},
]
# The same for the consoles' own modules.
CONSOLE_FLOORS: list[dict[str, set[str]]] = [
    {
        "field_values": set(),
        "formatting": set(),
        "proxied_requests": set(),
        "queue_snapshot": set(),
        "rate_limit": set(),
        "security_headers": set(),
        "session_tokens": set(),
    },
    {"log_limits": set(), "message_filter": set(), "page_handler": set(), "poller": set(), "script_nonces": set()},
    {"login_page": set(), "theme": set(), "websockets": set()},
    {"document_lock": set(), "request_guard": set()},
    {"manager": set()},
    {"ops": set(), "__init__": set()},
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
    return file.relative_to(root_of(file)).parts[0].removesuffix(".py")


def root_of(file: Path) -> Path:
    return CONSOLES if file.is_relative_to(CONSOLES) else PACKAGE


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
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{_source(file, node)}.{alias.name}" for alias in node.names}
    return found


def _source(file: Path, node: ast.ImportFrom) -> str:
    """The module that is imported from, by its whole name."""
    if not node.level:
        return node.module or ""
    package = file.relative_to(PACKAGE.parent).parts[: -node.level]
    return ".".join([*package, node.module] if node.module else package)


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def rooms_above(file: Path, floors: list[dict[str, set[str]]] | None = None) -> set[str]:
    """The rooms that a file imports although they are not below its own."""
    room, floors = room_of(file), floors or (FLOORS if root_of(file) == PACKAGE else CONSOLE_FLOORS)
    height = next(number for number, floor in enumerate(floors) if room in floor)
    allowed = {name for floor in floors[:height] for name in floor} | floors[height][room] | {room}
    wanted = {name.split(".")[1] for name in imports(file) if name.startswith(f"{root_of(file).name}.")}
    known = {name for floor in floors for name in floor}
    return {name for name in wanted if name in known and name not in allowed}


FILES = sorted(file for file in PACKAGE.rglob("*.py") if "kit" not in file.relative_to(PACKAGE).parts[:-1])
PAGES = sorted(CONSOLES.rglob("*.py"))


def test_every_room_has_a_floor() -> None:
    assert {room_of(file) for file in FILES} <= {name for floor in FLOORS for name in floor}
    assert {room_of(file) for file in PAGES} == {name for floor in CONSOLE_FLOORS for name in floor}


@pytest.mark.parametrize("file", [*FILES, *PAGES], ids=lambda file: str(file.relative_to(PACKAGE.parent)))
def test_imports_go_down_only(file: Path) -> None:
    if room_of(file) == "__init__":
        return
    assert rooms_above(file) == set()


def test_an_import_upwards_is_found() -> None:
    upside_down = [{"settings": set[str](), "worker": set[str]()}, *FLOORS[:3]]
    assert rooms_above(PACKAGE / "worker" / "loop.py", upside_down)
    assert rooms_above(CONSOLES / "manager" / "login.py", CONSOLE_FLOORS[::-1]) == {
        "login_page",
        "security_headers",
        "websockets",
    }


def test_the_package_imports_no_console() -> None:
    """Consoles are served as files, or by a name that a setting gives."""
    for file in FILES:
        assert not {name for name in imports(file) if name.split(".")[0] == CONSOLES.name}, file


def test_only_its_own_command_needs_the_demo() -> None:
    files = [file for file in [*FILES, *PAGES] if any(name.startswith("pqkit.demo.") for name in imports(file))]
    assert {file for file in files if room_of(file) != "demo"} == {PACKAGE / "cli" / "producer.py"}


def test_only_the_database_room_names_a_dialect() -> None:
    """``postgresql_where`` beside ``sqlite_where`` is how Core says a partial index for both, and some experiments of
    the lab do harm to SQLite's files."""
    harming = {
        PACKAGE / "lab" / name
        for name in (
            "harness/recording_client.py",
            "harness/faults.py",
            "experiments/powercut.py",
            "experiments/syscalls.py",
        )
    }
    harming |= {*(PACKAGE / "bench" / "baseline").glob("*.py"), PACKAGE / "testing" / "fake_clock.py"}
    harming |= set((PACKAGE / "lab" / "simulation" / "databases").glob("*.py"))
    for file in [*FILES, *PAGES]:
        if room_of(file) in {"db", "models", "settings", "sql", "cli"} or file in harming:
            continue
        names = {n.id for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Name)}
        assert not {name for name in names if "sqlite" in name.lower() or "postgres" in name.lower()}, file


def test_the_executor_touches_no_database() -> None:
    assert not {
        name for name in imports(PACKAGE / "worker" / "executor.py") if "sql" in name or name.startswith("pqkit.db")
    }


def test_only_the_room_of_charts_draws() -> None:
    drawing = {"bokeh", "holoviews"}
    drawers = {room_of(file) for file in FILES if drawing & {name.split(".")[0] for name in imports(file)}}
    assert drawers == {"charts"}
    assert not {file for file in PAGES if "holoviews" in {name.split(".")[0] for name in imports(file)}}


SQL = {"sqlalchemy", "sqlmodel", "sqlite3", "pysqlite3", "psycopg"}


def test_dashboards_hold_no_sql() -> None:
    assert set(map(sql_in, PAGES)) == {frozenset()}
    assert sql_in(PACKAGE / "queries" / "keyset_pagination.py")


def sql_in(file: Path) -> frozenset[str]:
    """The modules that a file needs for SQL of its own."""
    ours = {f"pqkit.{name}" for name in ("db", "models", "sql")}
    wanted = {name for name in imports(file) if name.split(".")[0] in SQL}
    return frozenset(wanted | {name for name in imports(file) if ".".join(name.split(".")[:2]) in ours})


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


def test_tables_are_named_in_one_place() -> None:
    """``key_rotation`` alone looks one up by a name that it was given."""
    files = [file for file in FILES if room_of(file) != "models" and "table" in _from_models(file)]
    assert {file.stem for file in files} == {"tables", "key_rotation"}


def _from_models(file: Path) -> set[str]:
    return {name.rpartition(".")[2] for name in imports(file) if name.startswith("pqkit.models.")}
