"""One secret is planted wherever text can stand; no command, no answer, no view and no file that is written tells it.

The database itself, backups and archives hold what was given, as the docs say.
"""

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from pqkit import Queue, queries
from pqkit.audit.limit_rules import Change, Started, crowded
from pqkit.cli.commands import app
from pqkit.db import Database
from pqkit.domain.outcomes import Snooze, ended_by
from pqkit.domain.queue_limits import QueueSettings
from pqkit.domain.redrive_plan import Fate
from pqkit.domain.states import JobState
from pqkit.leasing.worker_leases import Report
from pqkit.operations.event_recording import record
from pqkit.queries.time_range import EVER, actions, lives, refusals, runs
from pqkit.queries.why import why
from pqkit.security.permissions import Scope
from pqkit.sql import compiled
from tests.cli.conftest import pqkit as pqkit  # noqa: PLC0414 - a fixture
from tests.cli.support import Pqkit, run_program
from tests.conftest import a_worker
from tests.rest import client_of, needed
from tests.verbs import claim_one, complete, end, fail

S = "Hunter2secret"
SAID = f"no login with password={S}"
ARGS = {"card": S, "url": f"https://u:{S}@h/x", "note": SAID, "n": 1}
KEY = f"token={S}"


class Planted(NamedTuple):
    """The ids of what the secret stands in."""

    failed: int
    completed: int
    snoozed: int
    retrying: int
    running: int
    limited: int
    batch: int
    redrive: int


@pytest.fixture
def planted(queue: Queue) -> Planted:
    operator, worker = queue.operator(), a_worker(queue, tasks=("charge",))
    record(operator, on=True)
    options: dict[str, Any] = {"max_retries": 0, "limit_key": KEY}
    failed = queue.enqueue("charge", ARGS, unique_key=KEY, **options).id
    claim = claim_one(worker)
    now = queue.database.now()
    worker.beat([Report(claim, now, 0.5, SAID), Report(claim, now, None, SAID)])
    fail(worker, queue, claim, ValueError(SAID))
    completed = queue.enqueue("charge", ARGS).id
    complete(worker, queue, claim_one(worker), {"api_key": S, "said": SAID})
    snoozed = queue.enqueue("charge", ARGS).id
    claim = claim_one(worker)
    end(worker, queue, claim, ended_by(claim, Snooze(60, SAID)))
    retrying = queue.enqueue("charge", ARGS).id
    fail(worker, queue, claim_one(worker), ValueError(SAID))
    operator.set_queue("default", key_concurrency=1, reason=SAID)
    running = queue.enqueue("charge", ARGS, **options).id
    claim_one(worker)
    limited = queue.enqueue("charge", ARGS, **options).id
    queue.enqueue("charge", ARGS, queue="paused")
    operator.pause("paused", reason=SAID)
    operator.mark_failed([snoozed], reason=SAID)
    with queue.batch(f"batch {KEY}", "charge", ARGS) as batch:
        batch.enqueue("charge", ARGS)
    queue.schedules().add("s", task="charge", every=60.0, args=ARGS, reason=SAID)
    queue.schedules().pause("s", reason=SAID)
    redrive = queue.redrives().start({failed: JobState.UNPROCESSABLE}, reason=SAID, wanted=f"text {KEY}")
    with queue.database.write() as tx:
        tx.run(compiled.INSERT_DUTY_FAILURE, worker.id, "prune", queue.database.now(), SAID, 0)
    return Planted(failed, completed, snoozed, retrying, running, limited, batch.id, redrive)


# Commands

SERVE = {"up", "worker", "producer", "dashboards", "api", "monitor"}
"""They run until they are told to stop; their logs and pages have tests of their own."""
ELSEWHERE = {"init", "bench", "test-handler", "run", "runs grid", "keys new", "db init", "db upgrade", "db restore"}
"""They neither read nor write the jobs of this queue. Handlers are tried below, notebooks beside this."""
COMMANDS = """
jobs list; jobs list --json; jobs list --text card; jobs failed; jobs failed --json; jobs show {each}
jobs show {each} --json; why {each}
jobs notebook {failed}; regression --since 1d
redrives list; redrives list --json; redrives show {redrive}; redrives show {redrive} --json
queues list; queues list --json; queues show default; queues show default --json; queues show paused
batches list; batches list --json; batches show {batch}; batches show {batch} --json
schedules list; schedules list --json; schedules show s; schedules show s --json
workers list; workers list --all; workers list --json; users list; tokens list; runs list; runs table x; keys list
watch --from-start --once; forecast; audit; audit --json; retries; retries --json; capacity; capacity --json
incident --since 1d; incident --since 1d --json; doctor; doctor --json; files clean --older-than 1d
runs prune --older-than 100d
jobs resubmit --state failed; jobs cancel --state pending; jobs mark-failed --state pending
jobs delete --state failed; jobs assign {limited} --anyone; jobs set-priority {limited} --priority 3
redrives start --state failed
jobs resubmit {completed} --yes --reason {said}; jobs cancel {limited} --yes --json --reason {said}
jobs cancel 999 --yes; jobs mark-failed {retrying} --yes --reason {said}
jobs assign {limited} --anyone --yes; jobs set-priority {limited} --priority 3 --yes
jobs replace {failed} --arg card={s} --arg n=2 --reason {said}
enqueue charge --arg card={s} --unique-key {key} --json; enqueue charge --args {{"password":"{s}"
enqueue charge --arg {said}
schedules add t charge --every 60 --arg card={s}; schedules edit t --arg card={s} --reason {said}
schedules run s --reason {said}; schedules backfill s --from 2h --yes --reason {said}
schedules pause t --reason {said}; schedules resume t --reason {said}; schedules delete t; schedules delete t --yes
queues create q; queues pause q --reason {said}; queues resume q --reason {said}
queues set q --concurrency 2 --reason {said}; queues delete q; queues delete q --yes
redrives start --state unprocessable --yes --reason {said}; redrives stop {redrive} --reason {said}
redrives undo {redrive} --reason {said}
workers scale 2 --reason {said}; workers stop w1 --reason {said}; workers restart w1 --reason {said}
users add u --role viewer; users role u viewer; users remove u --yes; users password u
tokens add t --scope read; tokens revoke x
keys rotate; db check; db backup b.db; drill b.db; drill b.db --json; db copy {url} sqlite:///copy.db
db prune; db archive a; db archive a --yes --older-than 0s; db prune --yes --older-than 0s; audit --archive a
jobs delete {failed} --yes
"""
RAW = re.compile(r"(queue|copy|b)\.db(-\w+)?|.*\.jsonl\.gz|\.pqkit.*")
"""Files that hold what was given: databases, a backup, archives."""


def leaves(command: Any, path: str = "") -> set[str]:
    """Every command of the program, by its words."""
    if not hasattr(command, "commands"):
        return {path}
    return {leaf for name, one in command.commands.items() for leaf in leaves(one, f"{path} {name}".strip())}


def test_no_command_and_no_file_tells_a_secret(pqkit: Pqkit, planted: Planted, url: str, tmp_path: Path) -> None:
    known, tried, told = leaves(typer.main.get_command(app)), set[str](), list[str]()
    for line in filter(None, re.split(r"[;\n] ?", COMMANDS)):
        tried |= {name for name in known if f"{line} ".startswith(f"{name} ")}
        for each in planted[:7] if "{each}" in line else planted[:1]:
            words = [
                word.format(**planted._asdict(), each=each, s=S, said=SAID, key=KEY, url=url) for word in line.split()
            ]
            answer = pqkit(*words)
            if S in answer.out + answer.err:
                told.append(f"{line}: {answer.out}{answer.err}")
    assert told == []
    assert {name for name in known - tried if not name.startswith("lab ")} == SERVE | ELSEWHERE
    files = [path for path in tmp_path.rglob("*") if path.is_file() and not RAW.fullmatch(path.name)]
    assert [path.name for path in files if S.encode() in path.read_bytes()] == []
    assert {path.suffix for path in files} >= {".ipynb", ".json"}


HANDLER = """
from pqkit import Context, task
import logging

@task(max_retries=0)
def charge(card: str, url: str, note: str, n: int, *, ctx: Context) -> dict:
    ctx.log(note)
    logging.getLogger("mine").warning("it says %s", note)
    with open("left", "a") as file:
        file.write(note + "\\n")
    if n:
        raise ValueError(note)
    return {"api_key": card}
"""


def test_a_rehearsed_handler_tells_no_secret(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(HANDLER)
    for n in (0, 1):
        given = [f"--arg={name}={value}" for name, value in {**ARGS, "n": n}.items()]
        done = run_program(tmp_path, "test-handler", "charge", "--tasks", "mine", "--folder", tmp_path, *given)
        assert (done.code, S in done.out + done.err) == (1 if n == 0 else 2, False), done


# Answers


def test_no_get_of_the_rest_interface_tells_a_secret(queue: Queue, planted: Planted) -> None:
    with client_of(queue, Scope.READ) as api, client_of(queue, Scope.READ, Scope.ADMIN) as admin:
        asked = 0
        for template, method in needed():
            if method != "GET" or template == "/dequeue":
                continue
            for each in planted[:7] if "job_id" in template else planted[:1]:
                path = template.replace("{job_id}", str(each)).replace("{name}", "s")
                answer = api.get(path)
                assert (answer.status_code, S in answer.text) == (200, False), path
                asked += 1
        assert asked >= 15
        assert S in admin.get(f"/jobs/{planted.failed}").text


# What the consoles ask

FOR_PROGRAMS = {"arguments_of", "as_stored", "limits"}
"""They give handlers their arguments and compare keys; what they give is shown nowhere."""
ASKED: dict[str, Callable[[Database, Planted], Any]] = {
    "bars": lambda d, _: queries.bars(d, 0),
    "batch": lambda d, p: queries.batch(d, p.batch),
    "coming": lambda d, _: queries.coming(queries.schedule(d, "s")),
    "ended": lambda d, _: queries.ended(d, JobState.FAILED, d.now()),
    "failure_groups": lambda d, _: queries.failure_groups(d, 0),
    "flow": lambda d, _: queries.flow(d, queries.Span.last(60, 10, d.now())),
    "levels": lambda d, _: queries.levels(d, queries.Span.last(60, 10, d.now())),
    "ids": lambda d, _: queries.ids(d, queries.Filter(), 10),
    "ids_among": lambda d, p: queries.ids_among(d, p[:7]),
    "job": lambda d, p: [queries.job(d, one) for one in p[:7]],
    "last_line": lambda d, p: queries.last_line(queries.job(d, p.failed).attempts[-1].error or ""),
    "listed": lambda d, p: queries.listed(d, p[:7]),
    "marks": lambda d, _: queries.marks(d, 0, d.now()),
    "members": lambda d, p: queries.members(d, p.batch),
    "metered": lambda d, _: queries.metered(d, 0),
    "pauses": lambda d, _: queries.pauses(d, 0, d.now()),
    "pruned": lambda d, _: queries.pruned(d, JobState.FAILED),
    "redrive": lambda d, p: queries.redrive(d, p.redrive),
    "redriven": lambda d, p: [queries.redriven(d, p.redrive, fate) for fate in Fate],
    "schedule": lambda d, _: queries.schedule(d, "s"),
    "select_jobs": lambda d, _: queries.select_jobs(d, queries.Filter(text="card"), 10),
    "since": lambda d, _: queries.since(d, 0),
    "slots": lambda d, _: queries.slots(d, "s"),
    "stream": lambda d, _: queries.stream(d, queries.newest(d)._replace(**dict.fromkeys(queries.newest(d)._fields, 0))),
    "survey": lambda d, p: queries.survey(d, p[:7]),
    "tally": lambda d, p: queries.tally(d, p[:7]),
    "waits": lambda d, p: queries.waits(d, p.batch),
    "why_none": lambda d, _: queries.why_none(d, queries.Filter(queue="none")),
    "workers": lambda d, _: queries.workers(d, living=False),
    "why": lambda d, p: [why(d, one) for one in p[:7]],
    "span": lambda d, _: [ask(d, EVER) for ask in (actions, lives, refusals, runs)],
}


def test_no_question_of_the_consoles_is_answered_with_a_secret(queue: Queue, planted: Planted) -> None:
    public = {name for name in queries.__all__ if inspect.isfunction(getattr(queries, name))} - FOR_PROGRAMS
    for name in public | ASKED.keys():
        answer = ASKED[name](queue.database, planted) if name in ASKED else getattr(queries, name)(queue.database)
        assert S not in str(answer), name


def test_a_counterexample_of_the_audit_tells_no_key() -> None:
    together = [Started(number, KEY, number * 10**6, 10**9) for number in (1, 2)]
    (words,) = crowded(together, [Change(0, QueueSettings(key_concurrency=1))]).values()
    assert words == "it was claimed while 1 others of its key token=*** ran, of 1 at most"
