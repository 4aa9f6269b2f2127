"""The whole program: every command in its group."""

from pqkit.cli import (
    batches,
    db,
    demo_files,
    jobs,
    keys,
    notebooks,
    queues,
    redrives,
    schedules,
    tokens,
    users,
    workers,
)
from pqkit.cli.api import api
from pqkit.cli.audit import audit, why
from pqkit.cli.backup import backup, copy, drill, restore
from pqkit.cli.bench import bench
from pqkit.cli.dashboards import dashboards
from pqkit.cli.doctor import doctor
from pqkit.cli.enqueue import enqueue
from pqkit.cli.forecast import forecast
from pqkit.cli.generated_notebooks import notebook, regression
from pqkit.cli.handler_check import rehearse_handler
from pqkit.cli.incident import incident
from pqkit.cli.init import init
from pqkit.cli.lab import worker_experiments
from pqkit.cli.lab.flow_experiments import batches as batches_under_kills
from pqkit.cli.lab.flow_experiments import limits, rates
from pqkit.cli.lab.outage_experiments import cuts, failover, horizon, partition, restart
from pqkit.cli.lab.system_proofs import consoles, crippled, filters, mutants, powercut, simulate, syscalls
from pqkit.cli.monitor import monitor
from pqkit.cli.planning import capacity, retries
from pqkit.cli.producer import producer
from pqkit.cli.pruning import archive, prune
from pqkit.cli.root import make_app
from pqkit.cli.up import up
from pqkit.cli.watch import watch
from pqkit.cli.worker import worker

RUN, JOBS, NOTEBOOKS, OPERATE, DATABASE = "Run", "Jobs", "Notebooks", "Operate", "Database"

app = make_app()


for panel, commands in {RUN: (up, worker, producer, dashboards, api, init), JOBS: (enqueue,)}.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
app.add_typer(jobs.app, name="jobs", rich_help_panel=JOBS)
app.command("test-handler", rich_help_panel=JOBS)(rehearse_handler)
app.add_typer(redrives.app, name="redrives", rich_help_panel=JOBS)
app.add_typer(queues.app, name="queues", rich_help_panel=JOBS)
app.add_typer(batches.app, name="batches", rich_help_panel=JOBS)
app.add_typer(schedules.app, name="schedules", rich_help_panel=JOBS)
app.command(rich_help_panel=OPERATE)(monitor)
app.command(rich_help_panel=OPERATE)(watch)
app.command(rich_help_panel=OPERATE)(why)
app.command(rich_help_panel=OPERATE)(forecast)
app.command(rich_help_panel=OPERATE)(audit)
app.command(rich_help_panel=OPERATE)(retries)
app.command(rich_help_panel=OPERATE)(capacity)
app.command(rich_help_panel=OPERATE)(incident)
app.command(rich_help_panel=OPERATE)(doctor)
app.command(rich_help_panel=OPERATE)(bench)
app.add_typer(workers.app, name="workers", rich_help_panel=OPERATE)
app.add_typer(demo_files.app, name="files", rich_help_panel=OPERATE)
app.add_typer(users.app, name="users", rich_help_panel=OPERATE)
app.add_typer(tokens.app, name="tokens", rich_help_panel=OPERATE)
jobs.app.command()(notebook)
app.command(rich_help_panel=NOTEBOOKS)(notebooks.run)
app.command(rich_help_panel=NOTEBOOKS)(regression)
app.add_typer(notebooks.app, name="runs", rich_help_panel=NOTEBOOKS)
for proof in (
    consoles,
    filters,
    powercut,
    syscalls,
    simulate,
    mutants,
    crippled,
    cuts,
    restart,
    failover,
    partition,
    horizon,
    limits,
    rates,
):
    worker_experiments.app.command()(proof)
worker_experiments.app.command("batches")(batches_under_kills)
app.add_typer(worker_experiments.app, name="lab", rich_help_panel=OPERATE)
for keeping in (backup, restore, copy, prune, archive):
    db.app.command()(keeping)
app.command(rich_help_panel=DATABASE)(drill)
app.add_typer(keys.app, name="keys", rich_help_panel=DATABASE)
app.add_typer(db.app, name="db", rich_help_panel=DATABASE)
