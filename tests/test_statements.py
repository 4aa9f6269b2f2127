"""Every statement compiles for both databases, and those that run all day never scan."""

import re

import pytest

from pqkit import Queue
from pqkit.models import table
from pqkit.sql import compiled
from pqkit.sql.definitions.attempts import DELETE_LEASE
from pqkit.sql.definitions.builder import Declared
from pqkit.sql.definitions.compile_statements import TARGET, declared, difference, on_postgresql
from pqkit.sql.definitions.sql_layout import WIDTH, lay_out

ALL = dict(declared())
# What a full look at is fine: one row per living worker, or per queue and duty; lists that were passed or made.
SMALL = {"worker", "queue", "duty", "file_intent", "listed", "names"}
ALL_DAY = [
    "INSERT_JOB",
    "INSERT_READY",
    "HEAD",
    "SUSPECT_HEAD",
    "DELETE_READY",
    "LEASE_RUN",
    "DELETE_READY_RUN",
    "QUEUES_WITH_WORK",
    "DELETE_LEASE",
    "CANCEL_ASKED",
    "BEAT",
    "DUE",
    "DELETE_DELAYED",
    "NEXT_DUE",
    "LEASES_OF",
    "EXPIRED",
    "EXPIRED_IN",
    "JOBS_OF",
    "CLOSED_OF",
    "RUNS_OF",
    "ACTIONS_OF",
    "LINES_OF",
    "LIVES_OF",
    "DELETE_ENDED",
    "PLACES_OF",
    "RESULT_OF",
    "HOLDER",
    "DELETE_HOLD",
    "DELETE_PROGRESS",
    "REPORT_PROGRESS",
    "DELETE_JOB",
    "ASSIGN",
    "ASK_CANCEL",
]


def plan(queue: Queue, text: str, values: int) -> list[str]:
    with queue.engine.connect() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", (1,) * values)
        return [row[3] for row in rows]


def scans(steps: list[str]) -> list[str]:
    """The steps that read a whole table or sort what an index should have sorted."""
    full = [step for step in steps if step.startswith("SCAN") and step.split()[1] not in SMALL | {"CONSTANT"}]
    # min(due_at) reads the first row of the key.
    return [step for step in full if step != "SCAN delayed"] + [step for step in steps if "TEMP B-TREE" in step]


@pytest.mark.parametrize("name", ALL)
def test_the_written_texts_say_what_core_says(name: str) -> None:
    written, declared = getattr(compiled, name), ALL[name].compile()
    values = tuple(range(len(ALL[name].params)))
    assert written.alike == declared.alike
    for kind in ("sqlite", "postgresql", "many"):
        one, other = getattr(written, kind), getattr(declared, kind)
        if other is None:
            assert one is None
        else:
            assert (one.text, one.bind(values)) == (other.text, other.bind(values))


def test_what_only_postgresql_has_is_written_too() -> None:
    for name, said in on_postgresql():
        one, other, values = getattr(compiled, name), said.compile(), tuple(range(len(said.params)))
        assert (one.text, one.bind(values)) == (other.text, other.bind(values)), name


def test_nothing_is_written_that_is_not_declared() -> None:
    kinds = compiled.Statement, compiled.Text
    names = {name for name, value in vars(compiled).items() if isinstance(value, kinds)}
    assert names == set(ALL) | {name for name, _ in on_postgresql()}


def test_a_text_that_is_not_written_as_declared_is_found() -> None:
    written = TARGET.read_text()
    assert difference(written) == ""
    assert "+FROM ready" in difference(written.replace("FROM ready\n", "FROM lease\n", 1))


SHAPE = """\
SELECT job.id, CASE WHEN (job.id > ? AND job.id < ?) THEN ? ELSE ? END AS rank
FROM job
JOIN ready ON ready.job_id = job.id AND ready.queue = job.queue
WHERE job.id BETWEEN ? AND ?
    AND NOT (EXISTS (
        SELECT *
        FROM queue
        WHERE queue.name = job.queue
            AND (queue.limited = 1 OR queue.paused_at IS NULL)
    ))
ORDER BY job.id
LIMIT ? + 0"""


def test_a_statement_is_written_one_clause_or_condition_a_line() -> None:
    line = " ".join(SHAPE.split()).replace("( ", "(").replace(" )", ")")
    assert lay_out(line) == SHAPE
    upsert = "INSERT INTO a (b) VALUES (?) ON CONFLICT (b) DO UPDATE SET b = excluded.b"
    assert lay_out(upsert).splitlines()[1:] == ["VALUES (?)", "ON CONFLICT (b) DO UPDATE SET b = excluded.b"]


def test_long_lists_are_cut_after_commas_and_only_spaces_change() -> None:
    line = f"SELECT {', '.join(f'job.column_{number}' for number in range(40))} FROM job"
    lines = lay_out(line).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert all(line.endswith(",") for line in lines[:-2])
    assert "".join(lay_out(line).split()) == "".join(line.split())


@pytest.mark.sqlite
@pytest.mark.parametrize("name", ALL_DAY)
def test_it_never_scans(queue: Queue, name: str) -> None:
    text = getattr(compiled, name).sqlite.text
    assert scans(plan(queue, text, text.count("?"))) == []


@pytest.mark.sqlite
def test_suspects_are_looked_for_in_their_own_index(queue: Queue) -> None:
    """Every claim asks for them, and there are hardly ever any: a search through the queue would read all of it."""
    text = compiled.SUSPECT_HEAD.sqlite.text
    assert any("COVERING INDEX ready_suspect" in step for step in plan(queue, text, text.count("?")))
    text = compiled.HEAD.sqlite.text
    assert not any("ready_suspect" in step for step in plan(queue, text, text.count("?")))


@pytest.mark.sqlite
def test_the_look_at_plans_finds_a_scan(queue: Queue) -> None:
    assert scans(plan(queue, "SELECT * FROM job WHERE task = ?", 1))
    assert scans(plan(queue, "SELECT * FROM ready WHERE queue = ? ORDER BY job_id", 1))


def test_a_declaration_that_does_not_fit_its_statement_is_found() -> None:
    wrong = Declared(DELETE_LEASE.core, ("the_job_id", "the_attempt"))
    with pytest.raises(TypeError, match="the statement takes"):
        wrong.compile()


def test_every_worker_side_write_names_the_whole_fence() -> None:
    for name in ("DELETE_LEASE", "REPORT_PROGRESS", "REPORT_LINE"):
        assert {"the_job_id", "the_attempt", "the_worker_id"} <= set(ALL[name].params), name
    assert {"first", "last", "the_attempt", "the_worker_id"} == set(ALL["DELETE_LEASE_RUN"].params)
    lease_writes = {n for n, s in ALL.items() if getattr(s.core, "table", None) is table("lease")}
    assert lease_writes == {"INSERT_LEASE", "LEASE_RUN", "DELETE_LEASE", "DELETE_LEASE_RUN", "ASK_CANCEL"}


@pytest.mark.parametrize("name", ALL)
def test_no_limit_is_a_bare_parameter(name: str) -> None:
    """SQLite would plan such a statement anew at each run."""
    bare = re.compile(r"LIMIT \?(?! \+)")
    assert not bare.search(getattr(compiled, name).sqlite.text)
    assert bare.search("SELECT 1 LIMIT ? OFFSET ?")
