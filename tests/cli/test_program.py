"""Every command once, in one folder, as a user would go through them; some as the real program."""

import pytest

from pqkit.cli.commands import app
from tests.cli.support import Answer, Pqkit

pytestmark = pytest.mark.sqlite

ANY = -1  # an experiment's verdict on this machine, which may be slow
STEPS = [
    ("db init", 0, "is now at schema"),
    ("db upgrade", 0, "already"),
    ("queues create images", 0, "created"),
    ("enqueue add --queue images --arg n=1", 0, "job 1 queued"),
    ("enqueue add --queue images --lines", 0, "2 jobs queued"),
    ("jobs list --state pending --queue images --json", 0, '"id": 3'),
    ("jobs show 1", 0, '{"n":1}'),
    ("jobs assign 1 --worker w1 --yes", 0, "1 job changed"),
    ("jobs mark-failed 1 --yes", 0, "1 job changed"),
    ("jobs failed", 0, "marked failed by"),
    ("jobs resubmit 1 --yes", 0, "1 job changed"),
    ("jobs cancel 1 2 --yes", 0, "2 jobs changed"),
    ("jobs delete 1 3 --yes", 1, "1 job changed, 1 refused"),
    ("queues pause images --reason full", 0, "paused"),
    ("queues list", 0, "full"),
    ("queues resume images", 0, "resumed"),
    ("queues delete images --yes", 2, "has unfinished jobs"),
    ("workers list", 0, "worker"),
    ("workers scale 2", 2, "no `pqkit up` runs"),
    ("workers stop worker_01", 2, "no `pqkit up` runs"),
    ("workers restart worker_01", 2, "no `pqkit up` runs"),
    ("monitor --once", 0, "no worker lives"),
    ("producer --count 1", 0, ""),
    ("files clean --older-than 1h", 0, "nothing to clean"),
    ("db check", 0, "is sound"),
    ("db backup copy.db", 0, "checked"),
    ("why 2", 0, "job 2: it has ended: canceled"),
    ("audit", 0, "finished once        kept"),
    ("doctor", 0, "every job is in exactly one place"),
    ("bench --quick --only enqueue --durability full", 0, "raw insert one"),
    ("regression --since 1h", 2, "nothing ran in that span"),
    ("jobs notebook 2", 0, "opens job 2"),
    ("jobs notebook 2", 2, "is there already"),
    ("capacity --workers 2", 2, "are the least to learn from"),
    ("incident --since 1h", 0, "nothing failed, nobody died"),
    ("retries --max-retries 1", 0, "with 1 retries at most, after 1,2,4 s"),
    ("retries --backoff soon", 2, "--backoff takes seconds"),
    ("lab load --seconds 0.2 --workers 1 --backlog 100", ANY, "load: 1 workers"),
    ("run nothing", 2, "there is no nothing.ipynb"),
    ("runs list", 0, "runs"),
    ("runs prune --older-than 1h --yes", 0, "nothing to prune"),
    ("runs grid nothing.ipynb --axis n=[1]", 2, "there is no nothing.ipynb"),
    ("runs table nothing", 2, "no batch of notebooks"),
    ("lab contention --seconds 0.2 --writers 2", ANY, "contention: 2 writers, 0.2 s"),
    ("lab crash --task nowhere:handler", 2, "cannot import the tasks in nowhere"),
    ("jobs set-priority 3 --priority 5 --yes", 0, "1 job changed"),
    ('jobs replace 3 --args {"n":9}', 0, "is queued instead of job 3"),
    ("queues set images --concurrency 2", 0, "concurrency 2"),
    ("queues show images", 0, "jobs at once"),
    ("batches list", 0, "batch"),
    ("batches show 1", 2, "there is no batch 1"),
    ("redrives start --state canceled --yes", 0, "redrive 1 has begun"),
    ("redrives list", 0, "running"),
    ("redrives show 1", 0, "running"),
    ("redrives stop 1", 0, "redrive 1 is stopped"),
    ("redrives undo 1", 0, "0 jobs put back"),
    ("schedules add hourly add --every 3600", 0, "schedule hourly added"),
    ("schedules list", 0, "hourly"),
    ("schedules show hourly", 0, "hourly"),
    ("schedules edit hourly --every 1800", 0, "schedule hourly"),
    ("schedules pause hourly", 0, "paused"),
    ("schedules resume hourly", 0, "resumed"),
    ("schedules run hourly", 0, "queued"),
    ("schedules backfill hourly --from 2h --yes", 0, ""),
    ("schedules delete hourly --yes", 0, "schedule hourly deleted"),
    ("tokens add ci --scope read", 0, "pq_"),
    ("tokens list", 0, "ci"),
    ("tokens revoke nothing", 2, "there is no token nothing"),
    ("users add ann --role viewer", 2, "a password has"),
    ("users list", 0, "user"),
    ("users role ann operator", 2, "there is no user ann"),
    ("users password ann", 2, "a password has"),
    ("users remove ann --yes", 2, "there is no user ann"),
    ("keys new", 2, "name a file"),
    ("keys list", 0, "no keys"),
    ("keys rotate", 2, "there is no key"),
    ("db archive old --yes", 0, "nothing to prune"),
    ("db prune --yes", 0, "nothing to prune"),
    ("db restore nothing.db --yes", 2, "nothing.db"),
    ("db copy sqlite:///data/queue.db sqlite:///two.db", 0, "sha256"),
    ("drill copy.db", 0, "came back whole"),
    ("forecast", 0, "No forecast"),
    ("watch --once", 0, ""),
    ("test-handler nothing", 2, "there is no task 'nothing' known"),
    ("init ops", 0, ""),
]
# They run until stopped, or long, and have tests of their own.
EXPERIMENTS = {
    "backups",
    "batches",
    "consoles",
    "crippled",
    "cuts",
    "failover",
    "filters",
    "forks",
    "horizon",
    "limits",
    "moving",
    "mutants",
    "partition",
    "poison",
}
EXPERIMENTS |= {"powercut", "rates", "recovery", "restart", "retry", "schedules", "simulate", "syscalls", "system"}
ELSEWHERE = {"up", "worker", "dashboards", "api"} | {f"lab {name}" for name in EXPERIMENTS}


# The real program costs most of a second each time: here it writes, reads its input, answers in JSON, refuses.
REAL = {
    "db init",
    "enqueue add --queue images --lines",
    "jobs list --state pending --queue images --json",
    "queues delete images --yes",
    "producer --count 1",
    "init ops",
}


@pytest.mark.usefixtures("no_database")
def test_every_command_does_its_work(pqkit: Pqkit, program: Pqkit) -> None:
    assert {line for line, _, _ in STEPS} >= REAL
    for line, code, said in STEPS:
        run = program if line in REAL else pqkit
        done: Answer = run(*line.split(), stdin=b'{"n": 2}\n{"n": 3}\n')
        assert done.code == code or (code == ANY and done.code in {0, 1}), (line, done)
        assert said in done.out + done.err, (line, done)
        assert "Traceback" not in done.out + done.err


def test_no_command_is_left_out_of_these_steps():
    groups = {group.name: group.typer_instance for group in app.registered_groups}
    commands = {name_of(command) for command in app.registered_commands}
    commands |= {
        f"{name} {name_of(command)}" for name, group in groups.items() for command in group.registered_commands
    }
    tried = {name for name in commands for line, _, _ in STEPS if f"{line} ".startswith(f"{name} ")}
    assert commands - tried == ELSEWHERE


def name_of(command) -> str:
    return command.name or command.callback.__name__.replace("_", "-")
