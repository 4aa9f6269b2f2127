import importlib.util
import stat
from multiprocessing import get_context
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect
from sqlalchemy.schema import SchemaItem

from pqkit import Queue, get_queue, models
from pqkit.db import connect, schema
from pqkit.errors import DatabaseUnavailable, SchemaError
from pqkit.queries import misplaced
from tests.conftest import a_worker
from tests.verbs import claim, complete, sql

VERSIONS = Path(schema.__file__).parent / "migrations" / "versions"


def compared(connection: Connection) -> MigrationContext:
    """For a comparison; on PostgreSQL a trigger stands for the keys that would be checked for each run of a job."""

    def wanted(thing: SchemaItem, _name: str | None, kind: str, _reflected: bool, _to: SchemaItem | None) -> bool:
        if kind != "foreign_key_constraint" or connection.dialect.name == "sqlite":
            return True
        return thing.table.name not in {"attempt", "closed", "delayed", "lease"}

    opts = {"include_object": wanted, "version_table": schema.VERSION_TABLE}
    return MigrationContext.configure(connection, opts=opts)


def test_the_migrations_lead_to_the_models(queue: Queue) -> None:
    with queue.engine.connect() as connection:
        assert compare_metadata(compared(connection), models.metadata) == []


def test_the_comparison_finds_a_difference(queue: Queue) -> None:
    sql(queue, "ALTER TABLE queue ADD COLUMN odd TEXT")
    with queue.engine.connect() as connection:
        assert compare_metadata(compared(connection), models.metadata) != []


def test_the_view_has_the_columns_that_the_models_say(queue: Queue) -> None:
    names = {column["name"] for column in inspect(queue.engine).get_columns("job_state")}
    assert names == set(models.job_state.c.keys())


def test_the_known_versions_are_the_migrations_in_order() -> None:
    found = {}
    for file in VERSIONS.glob("0*.py"):
        spec = importlib.util.spec_from_file_location(file.stem, file)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found[module.revision] = module.down_revision
    assert tuple(sorted(found)) == schema.VERSIONS
    assert [found[v] for v in schema.VERSIONS] == [None, *schema.VERSIONS[:-1]]


QUEUE_ONE = """INSERT INTO job (queue, task, args, priority, max_retries, created_at)
VALUES ('default', 'add', '{}', 0, 3, 1)"""
READY = "queue, priority, job_id, attempt, retries, crashes, suspect, since"  # the columns of every version
MAKE_READY = f"INSERT INTO ready ({READY}) SELECT 'default', 0, max(id), 0, 0, 0, 0, 1 FROM job"


def test_a_database_that_has_seen_every_version_keeps_its_jobs_and_runs_them(empty_url: str) -> None:
    """So each version is upgraded with what those before have left in it."""
    database = connect(empty_url)
    database.create()
    for version in schema.VERSIONS:
        with database.engine.begin() as connection:
            schema.migrate(connection, version)
            connection.exec_driver_sql(QUEUE_ONE)
            connection.exec_driver_sql(MAKE_READY)
        assert schema.version(database) == version
    database.close()
    queue = get_queue(empty_url)
    with queue.engine.connect() as connection:
        assert compare_metadata(compared(connection), models.metadata) == []
    worker = a_worker(queue)
    claims = claim(worker, 100)
    assert len(claims) == len(schema.VERSIONS)
    assert all(complete(worker, queue, claimed) for claimed in claims)
    assert misplaced(queue.database) == []
    queue.close()


def test_a_newer_schema_is_refused_in_one_line_and_nothing_is_changed(queue: Queue, url: str) -> None:
    sql(queue, "UPDATE pqkit_version SET version_num = '9999'")
    for create in (True, False):
        with pytest.raises(SchemaError, match="upgrade pqkit") as refused:
            get_queue(url, create=create)
        assert "\n" not in str(refused.value)
    assert sql(queue, "SELECT version_num FROM pqkit_version") == [("9999",)]


def test_a_database_of_something_else_is_left_alone(empty_url: str) -> None:
    database = connect(empty_url)
    database.create()
    with database.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE theirs (x INTEGER)")
    for create in (True, False):
        with pytest.raises(SchemaError, match="something else"):
            get_queue(empty_url, create=create)
    database.close()


def test_a_file_that_is_no_database_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, and long enough to be read as one" * 20)
    with pytest.raises(DatabaseUnavailable, match="not a database"):
        get_queue(f"sqlite:///{path}")
    assert path.read_text().startswith("not a database")


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseUnavailable, match="cannot create"):
        get_queue(f"sqlite:///{tmp_path}/file/queue.db")


@pytest.mark.sqlite
def test_folder_and_files_are_for_their_owner_only(queue: Queue) -> None:
    path = queue.database.path
    sql(queue, "INSERT INTO queue (name, created_at) VALUES ('x', 0)")
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


def test_many_first_starts_at_once_make_one_schema(empty_url: str) -> None:
    with get_context("spawn").Pool(4) as pool:
        made = pool.map(_ensure, [empty_url] * 4)
    assert sorted(made) == [False, False, False, True]


def _ensure(url: str) -> bool:
    return schema.ensure(connect(url))


@pytest.mark.sqlite
def test_full_durability_and_foreign_keys_are_on(queue: Queue, tmp_path: Path) -> None:
    for text, value in (("synchronous", 2), ("foreign_keys", 1)):
        assert sql(queue, f"PRAGMA {text}") == [(value,)]
    assert sql(queue, "PRAGMA journal_mode") == [("wal",)]
    fast = get_queue(f"sqlite:///{tmp_path}/fast.db", durability="normal")
    assert sql(fast, "PRAGMA synchronous") == [(1,)]
