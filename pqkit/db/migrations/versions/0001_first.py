"""The first schema."""

import sqlalchemy as sa
from alembic import op

from pqkit.db.migrations import postgresql_first
from pqkit.db.migrations.columns import BIG, JSON, TEXT, hot_job_key, key, on_postgresql

revision = "0001"
down_revision = None

JOB_STATE = """
CREATE VIEW job_state AS
SELECT
    j.id, j.queue, j.task,
    CASE WHEN r.job_id IS NOT NULL THEN 'pending' WHEN l.job_id IS NOT NULL THEN 'processing'
         ELSE coalesce(d.state, c.state) END AS state,
    j.priority,
    coalesce(r.attempt, l.attempt, d.attempt, c.attempt) AS attempt,
    coalesce(r.retries, l.retries, d.retries, c.retries) AS retries,
    coalesce(r.crashes, l.crashes, d.crashes, c.crashes) AS crashes,
    j.max_retries, j.backoff, j.timeout, j.unique_key, j.args, j.created_at,
    d.due_at, l.claimed_at, l.cancel_requested_at, c.finished_at, l.worker_id,
    coalesce(r.assigned_to, d.assigned_to) AS assigned_to,
    c.result, coalesce(d.error, c.error) AS error
FROM job j
LEFT JOIN ready r ON r.queue = j.queue AND r.priority = j.priority AND r.job_id = j.id
LEFT JOIN lease l ON l.job_id = j.id
LEFT JOIN delayed d ON d.job_id = j.id
LEFT JOIN closed c ON c.job_id = j.id
"""


def upgrade() -> None:
    op.create_table(
        "action",
        key(),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", TEXT, nullable=False),
        sa.Column("verb", TEXT, nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", TEXT, nullable=True),
        sa.Column("detail", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("action_job", "action", ["job_id"], unique=False)
    op.create_table(
        "duty",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("worker_id", sa.BigInteger(), nullable=False),
        sa.Column("boot_id", TEXT, nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "job",
        key(),
        sa.Column("queue", TEXT, nullable=False),
        sa.Column("task", TEXT, nullable=False),
        sa.Column("args", JSON, nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("max_retries", sa.Integer(), nullable=False),
        sa.Column("backoff", TEXT, nullable=True),
        sa.Column("timeout", sa.Float(), nullable=True),
        sa.Column("unique_key", TEXT, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("max_retries >= 0", name="job_max_retries"),
        sa.CheckConstraint("timeout IS NULL OR timeout > 0", name="job_timeout"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "queue",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("paused_at", sa.BigInteger(), nullable=True),
        sa.Column("paused_until", sa.BigInteger(), nullable=True),
        sa.Column("paused_by", TEXT, nullable=True),
        sa.Column("pause_reason", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "ready",
        sa.Column("queue", TEXT, nullable=False),
        sa.Column("priority", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("job_id", BIG, autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("crashes", sa.Integer(), nullable=False),
        sa.Column("suspect", sa.Integer(), nullable=False),
        sa.Column("assigned_to", TEXT, nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("queue", "priority", "job_id"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ready_suspect",
        "ready",
        ["suspect", "queue", "priority", "job_id"],
        unique=False,
        sqlite_where=sa.text("suspect = 1"),
        postgresql_where=sa.text("suspect = 1"),
    )
    op.create_table(
        "refusal",
        key(),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("worker_id", sa.BigInteger(), nullable=False),
        sa.Column("outcome", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "worker",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("host", TEXT, nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("process_start", sa.BigInteger(), nullable=False),
        sa.Column("pid_space", TEXT, nullable=False),
        sa.Column("boot_id", TEXT, nullable=False),
        sa.Column("beat", sa.BigInteger(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("queues", TEXT, nullable=True),
        sa.Column("version", TEXT, nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("heartbeat_at", sa.BigInteger(), nullable=False),
        sa.Column("memory", sa.BigInteger(), nullable=False),
        sa.Column("stopping_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("end_reason", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("worker_alive", "worker", ["ended_at", "name"], unique=False)
    op.create_table(
        "worker_task",
        sa.Column("worker_id", BIG, autoincrement=False, nullable=False),
        sa.Column("task", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("worker_id", "task"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "attempt",
        sa.Column("job_id", BIG, autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("worker_id", sa.BigInteger(), nullable=False),
        sa.Column("claimed_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", TEXT, nullable=False),
        sa.Column("error", TEXT, nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        *hot_job_key(),
        sa.PrimaryKeyConstraint("job_id", "attempt"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "closed",
        sa.Column("job_id", BIG, autoincrement=False, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("crashes", sa.Integer(), nullable=False),
        sa.Column("result", JSON, nullable=True),
        sa.Column("error", TEXT, nullable=True),
        sa.CheckConstraint(
            "state = 'completed' OR state = 'failed' OR state = 'unprocessable' OR state = 'canceled'",
            name="closed_state",
        ),
        *hot_job_key(),
        sa.PrimaryKeyConstraint("job_id"),
    )
    op.create_index("closed_by_state", "closed", ["state", "finished_at"], unique=False)
    op.create_table(
        "delayed",
        sa.Column("due_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("job_id", BIG, autoincrement=False, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("crashes", sa.Integer(), nullable=False),
        sa.Column("error", TEXT, nullable=True),
        sa.Column("assigned_to", TEXT, nullable=True),
        sa.CheckConstraint("state = 'scheduled' OR state = 'retrying'", name="delayed_state"),
        *hot_job_key(),
        sa.PrimaryKeyConstraint("due_at", "job_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("delayed_by_state", "delayed", ["state", "due_at"], unique=False)
    op.create_index("delayed_job", "delayed", ["job_id"], unique=True)
    op.create_table(
        "file_intent",
        sa.Column("job_id", BIG, autoincrement=False, nullable=False),
        sa.Column("staged", TEXT, nullable=False),
        sa.Column("target", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "staged"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "job_log",
        key(),
        sa.Column("job_id", BIG, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("line", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("job_log_job", "job_log", ["job_id", "id"], unique=False)
    op.create_table(
        "lease",
        sa.Column("job_id", BIG, autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("crashes", sa.Integer(), nullable=False),
        sa.Column("suspect", sa.Integer(), nullable=False),
        sa.Column("worker_id", sa.BigInteger(), nullable=False),
        sa.Column("claimed_at", sa.BigInteger(), nullable=False),
        sa.Column("cancel_requested_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("attempt > 0", name="lease_attempt"),
        *hot_job_key(),
        sa.PrimaryKeyConstraint("job_id"),
    )
    op.create_index("lease_by_worker", "lease", ["worker_id"], unique=False)
    op.create_table(
        "progress",
        sa.Column("job_id", BIG, autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("fraction", sa.Float(), nullable=False),
        sa.Column("note", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id"),
    )
    op.create_table(
        "unique_hold",
        sa.Column("queue", TEXT, nullable=False),
        sa.Column("unique_key", TEXT, nullable=False),
        sa.Column("job_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("queue", "unique_key"),
        sqlite_with_rowid=False,
    )
    op.create_index("unique_hold_job", "unique_hold", ["job_id"], unique=True)
    op.execute(JOB_STATE)
    for statement in postgresql_first.statements() if on_postgresql() else ():
        op.execute(statement)
