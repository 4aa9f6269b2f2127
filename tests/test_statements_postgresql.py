"""The statements on a real PostgreSQL: every parameter has a type, and what runs all day walks indexes."""

import re
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from pqkit.db.postgresql.connector import HOT
from pqkit.sql import compiled
from pqkit.sql.definitions.compile_statements import on_postgresql
from pqkit.sql.statement import Statement, Text
from tests.postgres import Server
from tests.test_statements import ALL, ALL_DAY, SMALL

TEXTS = [(name, form) for name in ALL for form in ("postgresql", "many") if getattr(getattr(compiled, name), form)]
ONLY_HERE = [name for name, _ in on_postgresql()]


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[Any]:
    """A connection set up as the hot path's are, to a database whose tables have never been analysed."""
    with server.connection() as connection:
        for name, value in {**HOT, "plan_cache_mode": "force_generic_plan"}.items():
            connection.execute(f"SET {name} = {value}")
        yield connection


def prepare(connection: Any, text: str) -> int:
    """Prepare it under the name ``it``; the number of its parameters."""
    numbers = count(1)
    numbered = re.sub("%s", lambda _: f"${next(numbers)}", text).replace("%%", "%")
    connection.execute(f"PREPARE it AS {numbered}")
    return next(numbers) - 1


def plan(connection: Any, text: str) -> list[str]:
    """The plan that serves all values."""
    parameters = prepare(connection, text)
    values = f"({', '.join(['NULL'] * parameters)})" if parameters else ""
    steps = [step for (step,) in connection.execute(f"EXPLAIN EXECUTE it{values}")]
    connection.execute("DEALLOCATE it")
    return steps


def scans(steps: list[str]) -> list[str]:
    """The steps that read a whole table or sort what an index should have sorted."""
    full = [step for step in steps if "Seq Scan" in step and step.split(" on ")[1].split()[0] not in SMALL]
    return full + [step for step in steps if re.search(r"(?<!Incremental )Sort  |Hash Join|Merge Join", step)]


@pytest.mark.parametrize(("name", "form"), TEXTS)
def test_every_parameter_has_a_type(connection: Any, name: str, form: str) -> None:
    """A driver sends NULL without a type: the text itself must say what it is."""
    text: Text = getattr(getattr(compiled, name), form)
    prepare(connection, text.text)
    connection.execute("DEALLOCATE it")


@pytest.mark.parametrize("name", ONLY_HERE)
def test_what_only_postgresql_has_is_typed_and_never_scans(connection: Any, name: str) -> None:
    assert scans(plan(connection, getattr(compiled, name).text)) == []


@pytest.mark.parametrize(("name", "form"), [(name, form) for name, form in TEXTS if name in ALL_DAY])
def test_it_never_scans(connection: Any, name: str, form: str) -> None:
    statement: Statement = getattr(compiled, name)
    assert scans(plan(connection, getattr(statement, form).text)) == []


def test_suspects_are_looked_for_in_their_own_index(connection: Any) -> None:
    assert any("ready_suspect" in step for step in plan(connection, compiled.SUSPECT_HEAD.postgresql.text))
    assert not any("ready_suspect" in step for step in plan(connection, compiled.HEAD.postgresql.text))


def test_leases_that_end_together_are_found_by_their_key(connection: Any) -> None:
    """A join with what is to end reads all of the one for each of the other, once the statistics are old."""
    assert not [step for step in plan(connection, compiled.DELETE_LEASE.many.text) if "Nested Loop" in step]


@pytest.mark.parametrize("name", ["JOBS_OF", "CLOSED_OF", "RUNS_OF", "ACTIONS_OF", "LINES_OF", "LIVES_OF"])
def test_retention_looks_up_each_row_that_it_wants(connection: Any, name: str) -> None:
    assert looked_up(plan(connection, getattr(compiled, name).postgresql.text))


def looked_up(steps: list[str]) -> bool:
    """Whether an index is asked for the values of a list, and not walked from end to end."""
    return any("Index Cond" in step and "= ANY" in step for step in steps)


def test_a_list_in_a_select_walks_the_whole_table(connection: Any) -> None:
    assert not looked_up(plan(connection, "SELECT * FROM job WHERE id IN (SELECT unnest(%s::bigint[])) ORDER BY id"))


def test_the_look_at_plans_finds_a_scan(connection: Any) -> None:
    assert scans(plan(connection, "SELECT * FROM job WHERE task = %s"))
    assert scans(plan(connection, "SELECT * FROM ready WHERE queue = %s ORDER BY job_id"))
