"""The queue's tables beside an application's own: neither touches the other's, nor the other's version."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Column, Connection, Engine, Integer, MetaData, Table, create_engine, inspect, text

from pqkit.db import Database, connect, schema
from pqkit.domain.states import JobState
from pqkit.errors import Refused, SchemaError
from pqkit.queue import Queue, get_queue
from tests.support import PATIENCE
from tests.verbs import sql

ENV = """
from alembic import context
context.configure(connection=context.config.attributes["connection"], target_metadata=None)
with context.begin_transaction():
    context.run_migrations()
"""
REVISION = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0001", None
def upgrade():
    op.create_table("customer", sa.Column("id", sa.Integer, primary_key=True))
def downgrade():
    op.drop_table("customer")
"""


@pytest.fixture
def alembic(tmp_path: Path) -> Callable[[Connection, str], None]:
    """An application's own migrations, whose versions are numbered as the queue's."""
    (tmp_path / "theirs" / "versions").mkdir(parents=True)
    (tmp_path / "theirs" / "env.py").write_text(ENV)
    (tmp_path / "theirs" / "versions" / "first.py").write_text(REVISION)

    def migrate(connection: Connection, verb: str) -> None:
        config = Config()
        config.set_main_option("script_location", str(tmp_path / "theirs"))
        config.attributes["connection"] = connection
        {"upgrade": command.upgrade, "downgrade": command.downgrade}[verb](
            config, "head" if verb == "upgrade" else "base"
        )

    return migrate


def a_table(name: str) -> Table:
    return Table(name, MetaData(), Column("id", Integer, primary_key=True))


@pytest.mark.parametrize("name", ["job", "event", "pqkit_version"])
def test_a_users_table_of_the_name_of_ours_is_refused_before_anything_is_written(queue: Queue, name: str) -> None:
    job = queue.enqueue("t")
    theirs = a_table(name)
    Table("harmless", theirs.metadata, Column("id", Integer, primary_key=True))
    acts: list[Callable[[Engine], Any]] = [theirs.metadata.create_all, theirs.metadata.drop_all]
    acts += [lambda engine: theirs.create(engine, checkfirst=False), theirs.drop]
    for act in acts:
        with pytest.raises(Refused, match=f"{name} is a table of the queue"):
            act(queue.engine)
    assert not inspect(queue.engine).has_table("harmless")
    assert job.state is JobState.PENDING


def test_it_is_refused_on_an_engine_of_the_users_own_too(queue: Queue) -> None:
    creator = queue.engine.pool._creator  # type: ignore[attr-defined]
    engine = create_engine(f"{queue.engine.dialect.name}+{queue.engine.driver}://", creator=creator)
    with pytest.raises(Refused, match="job is a table of the queue"):
        a_table("job").metadata.drop_all(engine)
    engine.dispose()


AFTERWARDS = """
import sys
import {first}
assert ("sqlalchemy" in sys.modules) is ("models" in sys.argv[2])
from sqlalchemy import Column, Integer, MetaData, Table, create_engine
from pqkit.errors import Refused
theirs = Table("job", MetaData(), Column("id", Integer, primary_key=True))
try:
    theirs.metadata.drop_all(create_engine(sys.argv[1]))
except Refused as error:
    print(error)
"""


@pytest.mark.parametrize("first", ["pqkit", "pqkit.models"])
def test_it_is_refused_in_a_process_that_loads_the_queue_first_and_never_opens_it(
    queue: Queue, url: str, first: str
) -> None:
    job = queue.enqueue("t")
    asked = [sys.executable, "-c", AFTERWARDS.format(first=first), url, first]
    said = subprocess.run(asked, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout
    assert "job is a table of the queue" in said
    assert job.state is JobState.PENDING


def test_tables_of_other_names_are_the_users_own(queue: Queue) -> None:
    queue.enqueue("t")
    theirs = a_table("customer")
    Table("job", theirs.metadata, Column("id", Integer, primary_key=True))
    theirs.metadata.create_all(queue.engine, tables=[theirs])
    theirs.metadata.drop_all(queue.engine, tables=[theirs])
    assert sql(queue, "SELECT count(*) FROM job") == [(1,)]


def test_such_a_table_is_the_users_where_there_is_no_queue(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/theirs.db")
    theirs = a_table("job")
    theirs.metadata.create_all(engine)
    theirs.metadata.drop_all(engine)
    assert inspect(engine).get_table_names() == []


def test_an_applications_alembic_lives_beside_ours(queue: Queue, url: str, alembic: Any) -> None:
    queue.enqueue("t")
    with queue.engine.begin() as connection:
        alembic(connection, "upgrade")
    assert sql(queue, "SELECT version_num FROM alembic_version") == [("0001",)]
    assert schema.version(queue.database) == schema.HEAD
    assert get_queue(url) is queue
    with queue.engine.begin() as connection:
        alembic(connection, "downgrade")
    assert sql(queue, "SELECT count(*) FROM job") == [(1,)]


def test_a_queue_is_made_beside_an_applications_alembic(empty_url: str, alembic: Any) -> None:
    database = connect(empty_url)
    database.create()
    with database.engine.begin() as connection:
        alembic(connection, "upgrade")
    assert schema.version(database) is None
    queue = get_queue(empty_url)
    queue.enqueue("t")
    assert sql(queue, "SELECT version_num FROM alembic_version") == [("0001",)]
    with queue.engine.begin() as connection:
        alembic(connection, "downgrade")
    assert schema.version(database) == schema.HEAD
    queue.close()
    database.close()


def test_a_queue_is_made_in_an_applications_file_that_keeps_no_log(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "app.db") as theirs:  # which is still open, in the mode that SQLite begins with
        theirs.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    queue = get_queue(f"sqlite:///{tmp_path}/app.db")
    assert [queue.enqueue("t").state, queue.enqueue("t").state] == [JobState.PENDING, JobState.PENDING]
    queue.close()
    theirs.close()


def test_a_queue_is_not_made_where_one_of_its_names_is_taken(empty_url: str, alembic: Any) -> None:
    database = connect(empty_url)
    database.create()
    with database.engine.begin() as connection:
        alembic(connection, "upgrade")
        a_table("job").create(connection)
    with pytest.raises(SchemaError, match="a table job of its own"):
        get_queue(empty_url)
    assert set(inspect(database.engine).get_table_names()) == {"alembic_version", "customer", "job"}
    database.close()


def test_a_migration_that_would_drop_our_tables_is_refused(queue: Queue, alembic: Any, tmp_path: Path) -> None:
    """As autogenerate proposes, which knows only the application's models."""
    proposed = REVISION.replace('op.create_table("customer", sa.Column("id", sa.Integer, primary_key=True))', "DROP")
    proposed = proposed.replace("DROP", 'op.drop_table("ready")')
    (tmp_path / "theirs" / "versions" / "first.py").write_text(proposed)
    with pytest.raises(Refused, match="ready is a table of the queue"), queue.engine.begin() as connection:
        alembic(connection, "upgrade")
    queue.enqueue("t")


@pytest.mark.parametrize("version", ["0010", schema.LAST_SHARED])
def test_a_database_of_before_is_carried_over_and_older_programs_still_find_their_version(
    empty_url: str, version: str
) -> None:
    as_it_was(empty_url, version)
    database = connect(empty_url)
    assert schema.version(database) == version
    assert schema.ensure(database)
    found = [version_in(database, table) for table in schema.VERSION_TABLES]
    assert set(found) == {schema.HEAD, schema.LAST_SHARED}
    assert schema.ensure(database) is False
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'theirs'")
    assert schema.version(database) == schema.HEAD
    get_queue(empty_url).enqueue("t")
    database.close()


def as_it_was(url: str, version: str) -> None:
    """The database of an older pqkit, which kept its version in Alembic's own table."""
    database = connect(url)
    database.create()
    with database.engine.begin() as connection:
        schema.migrate(connection, version)
        for statement in (
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
            f"INSERT INTO alembic_version VALUES ('{version}')",
            "DROP TABLE pqkit_version",
        ):
            connection.execute(text(statement))
    database.close()


def version_in(database: Database, table: str) -> str | None:
    with database.look() as connection:
        return connection.exec_driver_sql(f"SELECT version_num FROM {table}").scalar()
