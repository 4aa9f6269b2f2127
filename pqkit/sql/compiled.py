"""All statements as the databases take them. Written by ``make sql``: do not edit."""

from pqkit.sql.text import Statement, Text

INSERT_JOB = Statement(
    Text(
        "INSERT INTO job (queue, task, args, priority, max_retries, backoff, timeout, unique_key, limit_key, "
        "created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
    ),
    Text(
        "INSERT INTO job (queue, task, args, priority, max_retries, backoff, timeout, unique_key, limit_key, "
        'created_at) VALUES (%s::VARCHAR COLLATE "C", %s::VARCHAR COLLATE "C", CAST(%s AS JSON), %s::INTEGER, '
        '%s::INTEGER, %s::VARCHAR COLLATE "C", %s, %s::VARCHAR COLLATE "C", %s::VARCHAR COLLATE "C", '
        "%s::BIGINT) RETURNING job.id",
    ),
)

INSERT_JOB_WITH_ID = Statement(
    Text(
        "INSERT INTO job (id, queue, task, args, priority, max_retries, backoff, timeout, unique_key, "
        "limit_key, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ),
    Text(
        "INSERT INTO job (id, queue, task, args, priority, max_retries, backoff, timeout, unique_key, "
        'limit_key, created_at) VALUES (%s::BIGINT, %s::VARCHAR COLLATE "C", %s::VARCHAR COLLATE "C", CAST(%s '
        'AS JSON), %s::INTEGER, %s::INTEGER, %s::VARCHAR COLLATE "C", %s, %s::VARCHAR COLLATE "C", '
        '%s::VARCHAR COLLATE "C", %s::BIGINT)',
    ),
    Text(
        "INSERT INTO job (id, queue, task, args, priority, max_retries, backoff, timeout, unique_key, "
        "limit_key, created_at) SELECT rows.id, rows.queue, rows.task, rows.args, rows.priority, "
        "rows.max_retries, rows.backoff, rows.timeout, rows.unique_key, rows.limit_key, rows.created_at FROM "
        'unnest(%s::BIGINT[], %s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE "C", %s::JSON[], %s::INTEGER[], '
        '%s::INTEGER[], %s::TEXT[] COLLATE "C", %s::FLOAT[], %s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE "C", '
        "%s::BIGINT[]) AS rows(id, queue, task, args, priority, max_retries, backoff, timeout, unique_key, "
        "limit_key, created_at)",
    ),
)

INSERT_READY = Statement(
    Text(
        "INSERT INTO ready (queue, priority, job_id, attempt, retries, crashes, suspect, assigned_to, since) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ),
    Text(
        "INSERT INTO ready (queue, priority, job_id, attempt, retries, crashes, suspect, assigned_to, since) "
        'VALUES (%s::VARCHAR COLLATE "C", %s::INTEGER, %s::BIGINT, %s::INTEGER, %s::INTEGER, %s::INTEGER, '
        '%s::INTEGER, %s::VARCHAR COLLATE "C", %s::BIGINT)',
    ),
    Text(
        "INSERT INTO ready (queue, priority, job_id, attempt, retries, crashes, suspect, assigned_to, since) "
        "SELECT rows.queue, rows.priority, rows.job_id, rows.attempt, rows.retries, rows.crashes, "
        'rows.suspect, rows.assigned_to, rows.since FROM unnest(%s::TEXT[] COLLATE "C", %s::INTEGER[], '
        '%s::BIGINT[], %s::INTEGER[], %s::INTEGER[], %s::INTEGER[], %s::INTEGER[], %s::TEXT[] COLLATE "C", '
        "%s::BIGINT[]) AS rows(queue, priority, job_id, attempt, retries, crashes, suspect, assigned_to, "
        "since)",
    ),
)

INSERT_DELAYED = Statement(
    Text(
        "INSERT INTO delayed (due_at, job_id, state, attempt, retries, crashes, error, assigned_to) VALUES "
        "(?, ?, ?, ?, ?, ?, ?, ?)",
    ),
    Text(
        "INSERT INTO delayed (due_at, job_id, state, attempt, retries, crashes, error, assigned_to) VALUES "
        '(%s::BIGINT, %s::BIGINT, %s::VARCHAR COLLATE "C", %s::INTEGER, %s::INTEGER, %s::INTEGER, %s::VARCHAR '
        'COLLATE "C", %s::VARCHAR COLLATE "C")',
    ),
    Text(
        "INSERT INTO delayed (due_at, job_id, state, attempt, retries, crashes, error, assigned_to) SELECT "
        "rows.due_at, rows.job_id, rows.state, rows.attempt, rows.retries, rows.crashes, rows.error, "
        'rows.assigned_to FROM unnest(%s::BIGINT[], %s::BIGINT[], %s::TEXT[] COLLATE "C", %s::INTEGER[], '
        '%s::INTEGER[], %s::INTEGER[], %s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE "C") AS rows(due_at, '
        "job_id, state, attempt, retries, crashes, error, assigned_to)",
    ),
)

HOLDER = Statement(
    Text(
        "SELECT unique_hold.job_id, unique_hold.kept FROM unique_hold WHERE unique_hold.queue = ? AND "
        "unique_hold.unique_key = ?",
    ),
    Text(
        "SELECT unique_hold.job_id, unique_hold.kept FROM unique_hold WHERE unique_hold.queue = %s::VARCHAR "
        'COLLATE "C" AND unique_hold.unique_key = %s::VARCHAR COLLATE "C"',
    ),
)

INSERT_HOLD = Statement(
    Text(
        "INSERT INTO unique_hold (queue, unique_key, job_id, kept) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
    ),
    Text(
        'INSERT INTO unique_hold (queue, unique_key, job_id, kept) VALUES (%s::VARCHAR COLLATE "C", '
        '%s::VARCHAR COLLATE "C", %s::BIGINT, %s::INTEGER) ON CONFLICT DO NOTHING',
    ),
    Text(
        "INSERT INTO unique_hold (queue, unique_key, job_id, kept) SELECT rows.queue, rows.unique_key, "
        'rows.job_id, rows.kept FROM unnest(%s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE "C", %s::BIGINT[], '
        "%s::INTEGER[]) AS rows(queue, unique_key, job_id, kept) ON CONFLICT DO NOTHING",
    ),
)

DELETE_HOLD = Statement(
    Text(
        "DELETE FROM unique_hold WHERE unique_hold.job_id = ? AND unique_hold.kept = 0",
    ),
    Text(
        "DELETE FROM unique_hold WHERE unique_hold.job_id = %s::BIGINT AND unique_hold.kept = 0",
    ),
    Text(
        "DELETE FROM unique_hold WHERE unique_hold.job_id = ANY (%s::BIGINT[]) AND unique_hold.kept = 0",
    ),
)

TAKE_HOLD = Statement(
    Text(
        "DELETE FROM unique_hold WHERE unique_hold.job_id = ?",
    ),
    Text(
        "DELETE FROM unique_hold WHERE unique_hold.job_id = %s::BIGINT",
    ),
    Text(
        "DELETE FROM unique_hold WHERE unique_hold.job_id = ANY (%s::BIGINT[])",
    ),
)

SET_ARGS = Statement(
    Text(
        "UPDATE job SET args=? WHERE job.id = ?",
    ),
    Text(
        "UPDATE job SET args=CAST(%s AS JSON) WHERE job.id = %s::BIGINT",
    ),
)

KNOWN_QUEUE = Statement(
    Text(
        "SELECT queue.max_retries, queue.backoff FROM queue WHERE queue.name = ?",
    ),
    Text(
        'SELECT queue.max_retries, queue.backoff FROM queue WHERE queue.name = %s::VARCHAR COLLATE "C"',
    ),
)

INSERT_QUEUE = Statement(
    Text(
        "INSERT INTO queue (name, created_at) VALUES (?, ?) ON CONFLICT DO NOTHING",
    ),
    Text(
        'INSERT INTO queue (name, created_at) VALUES (%s::VARCHAR COLLATE "C", %s::BIGINT) ON CONFLICT DO NOTHING',
    ),
    Text(
        "INSERT INTO queue (name, created_at) SELECT rows.name, rows.created_at FROM unnest(%s::TEXT[] "
        'COLLATE "C", %s::BIGINT[]) AS rows(name, created_at) ON CONFLICT DO NOTHING',
    ),
)

INSERT_REQUEST = Statement(
    Text(
        'INSERT INTO request ("key", digest, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    ),
    Text(
        'INSERT INTO request (key, digest, at) VALUES (%s::VARCHAR COLLATE "C", %s::VARCHAR COLLATE "C", '
        "%s::BIGINT) ON CONFLICT DO NOTHING",
    ),
    Text(
        "INSERT INTO request (key, digest, at) SELECT rows.key, rows.digest, rows.at FROM unnest(%s::TEXT[] "
        'COLLATE "C", %s::TEXT[] COLLATE "C", %s::BIGINT[]) AS rows(key, digest, at) ON CONFLICT DO NOTHING',
    ),
)

REQUEST_OF = Statement(
    Text(
        'SELECT request.digest, request.job_ids FROM request WHERE request."key" = ?',
    ),
    Text(
        'SELECT request.digest, request.job_ids FROM request WHERE request.key = %s::VARCHAR COLLATE "C"',
    ),
)

ANSWER_REQUEST = Statement(
    Text(
        'UPDATE request SET job_ids=? WHERE request."key" = ?',
    ),
    Text(
        'UPDATE request SET job_ids=%s::VARCHAR COLLATE "C" WHERE request.key = %s::VARCHAR COLLATE "C"',
    ),
)

DELETE_OLD_REQUESTS = Statement(
    Text(
        "DELETE FROM request WHERE request.at < ?",
    ),
    Text(
        "DELETE FROM request WHERE request.at < %s::BIGINT",
    ),
)

INSERT_TRACE = Statement(
    Text(
        "INSERT INTO job_trace (job_id, parent) VALUES (?, ?)",
    ),
    Text(
        'INSERT INTO job_trace (job_id, parent) VALUES (%s::BIGINT, %s::VARCHAR COLLATE "C")',
    ),
    Text(
        "INSERT INTO job_trace (job_id, parent) SELECT rows.job_id, rows.parent FROM unnest(%s::BIGINT[], "
        '%s::TEXT[] COLLATE "C") AS rows(job_id, parent)',
    ),
)

TRACE_OF = Statement(
    Text(
        "SELECT job_trace.parent FROM job_trace WHERE job_trace.job_id = ?",
    ),
    Text(
        "SELECT job_trace.parent FROM job_trace WHERE job_trace.job_id = %s::BIGINT",
    ),
)

HEAD = Statement(
    Text(
        "SELECT ready.queue, ready.priority, ready.job_id, ready.attempt + 1 AS anon_1, ready.retries, "
        "ready.crashes, ready.suspect, ? AS anon_2, ? AS anon_3, ready.since, job.task, job.args, "
        "job.max_retries, job.backoff, job.timeout, job.unique_key, job.limit_key FROM ready JOIN job ON "
        "job.id = ready.job_id WHERE NOT (EXISTS (SELECT * FROM queue WHERE queue.name = ? AND (queue.limited "
        "= 1 OR queue.paused_at IS NOT NULL AND (queue.paused_until IS NULL OR queue.paused_until > ?)))) AND "
        "(ready.assigned_to IS NULL OR ready.assigned_to = ?) AND (EXISTS (SELECT * FROM worker_task WHERE "
        "worker_task.worker_id = ? AND worker_task.task = job.task)) AND ready.queue = ? AND ready.suspect = "
        "0 ORDER BY ready.priority, ready.job_id LIMIT ? + 0 OFFSET ?",
        (3, 1, 0, 1, 2, 3, 0, 4, 5),
        (0,),
    ),
    Text(
        "SELECT ready.queue, ready.priority, ready.job_id, ready.attempt + 1 AS anon_1, ready.retries, "
        "ready.crashes, ready.suspect, %s::BIGINT AS anon_2, %s::BIGINT AS anon_3, ready.since, asked.task, "
        "CAST(asked.args AS TEXT) AS args, asked.max_retries, asked.backoff, asked.timeout, asked.unique_key, "
        "asked.limit_key FROM ready JOIN LATERAL (SELECT job.task AS task, job.args AS args, job.max_retries "
        "AS max_retries, job.backoff AS backoff, job.timeout AS timeout, job.unique_key AS unique_key, "
        "job.limit_key AS limit_key FROM job WHERE job.id = ready.job_id LIMIT 1) AS asked ON true WHERE "
        'ready.queue = %s::VARCHAR COLLATE "C" AND ready.suspect = 0 AND NOT (EXISTS (SELECT * FROM queue '
        'WHERE queue.name = %s::VARCHAR COLLATE "C" AND (queue.limited = 1 OR queue.paused_at IS NOT NULL AND '
        "(queue.paused_until IS NULL OR queue.paused_until > %s::BIGINT)))) AND (ready.assigned_to IS NULL OR "
        'ready.assigned_to = %s::VARCHAR COLLATE "C") AND asked.task = ANY (array((SELECT worker_task.task '
        "FROM worker_task WHERE worker_task.worker_id = %s::BIGINT FOR KEY SHARE))) ORDER BY ready.priority, "
        "ready.job_id LIMIT %s::INTEGER + 0 FOR UPDATE OF ready SKIP LOCKED",
        (3, 1, 0, 0, 1, 2, 3, 4),
        (),
    ),
)

SUSPECT_HEAD = Statement(
    Text(
        "SELECT ready.queue, ready.priority, ready.job_id, ready.attempt + 1 AS anon_1, ready.retries, "
        "ready.crashes, ready.suspect, ? AS anon_2, ? AS anon_3, ready.since, job.task, job.args, "
        "job.max_retries, job.backoff, job.timeout, job.unique_key, job.limit_key FROM ready AS found JOIN "
        "ready ON found.queue = ready.queue AND found.priority = ready.priority AND found.job_id = "
        "ready.job_id JOIN job ON job.id = ready.job_id WHERE NOT (EXISTS (SELECT * FROM queue WHERE "
        "queue.name = ? AND (queue.limited = 1 OR queue.paused_at IS NOT NULL AND (queue.paused_until IS NULL "
        "OR queue.paused_until > ?)))) AND (ready.assigned_to IS NULL OR ready.assigned_to = ?) AND (EXISTS "
        "(SELECT * FROM worker_task WHERE worker_task.worker_id = ? AND worker_task.task = job.task)) AND "
        "found.queue = ? AND found.suspect = 1 ORDER BY found.priority, found.job_id LIMIT ? + 0 OFFSET ?",
        (3, 1, 0, 1, 2, 3, 0, 4, 5),
        (0,),
    ),
    Text(
        "SELECT ready.queue, ready.priority, ready.job_id, ready.attempt + 1 AS anon_1, ready.retries, "
        "ready.crashes, ready.suspect, %s::BIGINT AS anon_2, %s::BIGINT AS anon_3, ready.since, asked.task, "
        "CAST(asked.args AS TEXT) AS args, asked.max_retries, asked.backoff, asked.timeout, asked.unique_key, "
        "asked.limit_key FROM ready JOIN LATERAL (SELECT job.task AS task, job.args AS args, job.max_retries "
        "AS max_retries, job.backoff AS backoff, job.timeout AS timeout, job.unique_key AS unique_key, "
        "job.limit_key AS limit_key FROM job WHERE job.id = ready.job_id LIMIT 1) AS asked ON true WHERE "
        'ready.queue = %s::VARCHAR COLLATE "C" AND ready.suspect = 1 AND NOT (EXISTS (SELECT * FROM queue '
        'WHERE queue.name = %s::VARCHAR COLLATE "C" AND (queue.limited = 1 OR queue.paused_at IS NOT NULL AND '
        "(queue.paused_until IS NULL OR queue.paused_until > %s::BIGINT)))) AND (ready.assigned_to IS NULL OR "
        'ready.assigned_to = %s::VARCHAR COLLATE "C") AND asked.task = ANY (array((SELECT worker_task.task '
        "FROM worker_task WHERE worker_task.worker_id = %s::BIGINT FOR KEY SHARE))) ORDER BY ready.priority, "
        "ready.job_id LIMIT %s::INTEGER + 0 FOR UPDATE OF ready SKIP LOCKED",
        (3, 1, 0, 0, 1, 2, 3, 4),
        (),
    ),
)

PEEK = Statement(
    Text(
        "SELECT ready.queue, ready.priority, ready.job_id, ready.attempt + 1 AS anon_1, ready.retries, "
        "ready.crashes, ready.suspect, ? AS anon_2, ? AS anon_3, ready.since, job.task, job.args, "
        "job.max_retries, job.backoff, job.timeout, job.unique_key, job.limit_key FROM ready JOIN job ON "
        "job.id = ready.job_id WHERE NOT (EXISTS (SELECT * FROM queue WHERE queue.name = ? AND (queue.limited "
        "= 1 OR queue.paused_at IS NOT NULL AND (queue.paused_until IS NULL OR queue.paused_until > ?)))) AND "
        "(ready.assigned_to IS NULL OR ready.assigned_to = ?) AND (EXISTS (SELECT * FROM worker_task WHERE "
        "worker_task.worker_id = ? AND worker_task.task = job.task)) AND ready.queue = ? AND ready.suspect = "
        "0 ORDER BY ready.priority, ready.job_id LIMIT ? + 0 OFFSET ?",
        (3, 1, 0, 1, 2, 3, 0, 4, 5),
        (0,),
    ),
    Text(
        "SELECT ready.queue, ready.priority, ready.job_id, ready.attempt + 1 AS anon_1, ready.retries, "
        "ready.crashes, ready.suspect, %s::BIGINT AS anon_2, %s::BIGINT AS anon_3, ready.since, asked.task, "
        "CAST(asked.args AS TEXT) AS args, asked.max_retries, asked.backoff, asked.timeout, asked.unique_key, "
        "asked.limit_key FROM ready JOIN LATERAL (SELECT job.task AS task, job.args AS args, job.max_retries "
        "AS max_retries, job.backoff AS backoff, job.timeout AS timeout, job.unique_key AS unique_key, "
        "job.limit_key AS limit_key FROM job WHERE job.id = ready.job_id LIMIT 1) AS asked ON true WHERE "
        'ready.queue = %s::VARCHAR COLLATE "C" AND ready.suspect = 0 AND NOT (EXISTS (SELECT * FROM queue '
        'WHERE queue.name = %s::VARCHAR COLLATE "C" AND (queue.limited = 1 OR queue.paused_at IS NOT NULL AND '
        "(queue.paused_until IS NULL OR queue.paused_until > %s::BIGINT)))) AND (ready.assigned_to IS NULL OR "
        'ready.assigned_to = %s::VARCHAR COLLATE "C") AND asked.task = ANY (array((SELECT worker_task.task '
        "FROM worker_task WHERE worker_task.worker_id = %s::BIGINT))) ORDER BY ready.priority, ready.job_id "
        "LIMIT %s::INTEGER + 0",
        (3, 1, 0, 0, 1, 2, 3, 4),
        (),
    ),
)

SUSPECT_PEEK = Statement(
    Text(
        "SELECT ready.queue, ready.priority, ready.job_id, ready.attempt + 1 AS anon_1, ready.retries, "
        "ready.crashes, ready.suspect, ? AS anon_2, ? AS anon_3, ready.since, job.task, job.args, "
        "job.max_retries, job.backoff, job.timeout, job.unique_key, job.limit_key FROM ready AS found JOIN "
        "ready ON found.queue = ready.queue AND found.priority = ready.priority AND found.job_id = "
        "ready.job_id JOIN job ON job.id = ready.job_id WHERE NOT (EXISTS (SELECT * FROM queue WHERE "
        "queue.name = ? AND (queue.limited = 1 OR queue.paused_at IS NOT NULL AND (queue.paused_until IS NULL "
        "OR queue.paused_until > ?)))) AND (ready.assigned_to IS NULL OR ready.assigned_to = ?) AND (EXISTS "
        "(SELECT * FROM worker_task WHERE worker_task.worker_id = ? AND worker_task.task = job.task)) AND "
        "found.queue = ? AND found.suspect = 1 ORDER BY found.priority, found.job_id LIMIT ? + 0 OFFSET ?",
        (3, 1, 0, 1, 2, 3, 0, 4, 5),
        (0,),
    ),
    Text(
        "SELECT ready.queue, ready.priority, ready.job_id, ready.attempt + 1 AS anon_1, ready.retries, "
        "ready.crashes, ready.suspect, %s::BIGINT AS anon_2, %s::BIGINT AS anon_3, ready.since, asked.task, "
        "CAST(asked.args AS TEXT) AS args, asked.max_retries, asked.backoff, asked.timeout, asked.unique_key, "
        "asked.limit_key FROM ready JOIN LATERAL (SELECT job.task AS task, job.args AS args, job.max_retries "
        "AS max_retries, job.backoff AS backoff, job.timeout AS timeout, job.unique_key AS unique_key, "
        "job.limit_key AS limit_key FROM job WHERE job.id = ready.job_id LIMIT 1) AS asked ON true WHERE "
        'ready.queue = %s::VARCHAR COLLATE "C" AND ready.suspect = 1 AND NOT (EXISTS (SELECT * FROM queue '
        'WHERE queue.name = %s::VARCHAR COLLATE "C" AND (queue.limited = 1 OR queue.paused_at IS NOT NULL AND '
        "(queue.paused_until IS NULL OR queue.paused_until > %s::BIGINT)))) AND (ready.assigned_to IS NULL OR "
        'ready.assigned_to = %s::VARCHAR COLLATE "C") AND asked.task = ANY (array((SELECT worker_task.task '
        "FROM worker_task WHERE worker_task.worker_id = %s::BIGINT))) ORDER BY ready.priority, ready.job_id "
        "LIMIT %s::INTEGER + 0",
        (3, 1, 0, 0, 1, 2, 3, 4),
        (),
    ),
)

DELETE_READY = Statement(
    Text(
        "DELETE FROM ready WHERE ready.queue = ? AND ready.priority = ? AND ready.job_id = ?",
    ),
    Text(
        'DELETE FROM ready WHERE ready.queue = %s::VARCHAR COLLATE "C" AND ready.priority = %s::INTEGER AND '
        "ready.job_id = %s::BIGINT",
    ),
    Text(
        'DELETE FROM ready WHERE ready.queue = %s::VARCHAR COLLATE "C" AND ready.priority = %s::INTEGER AND '
        "ready.job_id = ANY (%s::BIGINT[]) AND ready.job_id >= (%s::BIGINT[])[%s::INTEGER] AND ready.job_id "
        "<= (%s::BIGINT[])[cardinality(%s::BIGINT[])]",
        (0, 1, 2, 2, 3, 2, 2),
        (1,),
    ),
    alike=2,
)

INSERT_LEASE = Statement(
    Text(
        "INSERT INTO lease (job_id, attempt, retries, crashes, suspect, worker_id, claimed_at) VALUES (?, ?, "
        "?, ?, ?, ?, ?)",
    ),
    Text(
        "INSERT INTO lease (job_id, attempt, retries, crashes, suspect, worker_id, claimed_at) VALUES "
        "(%s::BIGINT, %s::INTEGER, %s::INTEGER, %s::INTEGER, %s::INTEGER, %s::BIGINT, %s::BIGINT)",
    ),
    Text(
        "INSERT INTO lease (job_id, attempt, retries, crashes, suspect, worker_id, claimed_at) SELECT "
        "rows.job_id, rows.attempt, rows.retries, rows.crashes, rows.suspect, rows.worker_id, rows.claimed_at "
        "FROM unnest(%s::BIGINT[], %s::INTEGER[], %s::INTEGER[], %s::INTEGER[], %s::INTEGER[], %s::BIGINT[], "
        "%s::BIGINT[]) AS rows(job_id, attempt, retries, crashes, suspect, worker_id, claimed_at)",
    ),
)

LEASE_RUN = Statement(
    Text(
        "INSERT INTO lease (job_id, attempt, retries, crashes, suspect, worker_id, claimed_at) SELECT "
        "ready.job_id, ready.attempt + 1 AS anon_1, ready.retries, ready.crashes, ready.suspect, ? AS anon_2, "
        "? AS anon_3 FROM ready WHERE ready.queue = ? AND ready.priority = ? AND ready.job_id BETWEEN ? AND ?",
    ),
    Text(
        "INSERT INTO lease (job_id, attempt, retries, crashes, suspect, worker_id, claimed_at) SELECT "
        "ready.job_id, ready.attempt + 1 AS anon_1, ready.retries, ready.crashes, ready.suspect, %s::BIGINT "
        'AS anon_2, %s::BIGINT AS anon_3 FROM ready WHERE ready.queue = %s::VARCHAR COLLATE "C" AND '
        "ready.priority = %s::INTEGER AND ready.job_id BETWEEN %s::BIGINT AND %s::BIGINT",
    ),
)

DELETE_READY_RUN = Statement(
    Text(
        "DELETE FROM ready WHERE ready.queue = ? AND ready.priority = ? AND ready.job_id BETWEEN ? AND ?",
    ),
    Text(
        'DELETE FROM ready WHERE ready.queue = %s::VARCHAR COLLATE "C" AND ready.priority = %s::INTEGER AND '
        "ready.job_id BETWEEN %s::BIGINT AND %s::BIGINT",
    ),
)

QUEUES_WITH_WORK = Statement(
    Text(
        "WITH RECURSIVE names(name) AS (SELECT min(ready.queue) AS name FROM ready UNION ALL SELECT (SELECT "
        "min(ready.queue) AS min_1 FROM ready WHERE ready.queue > names.name) AS anon_1 FROM names WHERE "
        "names.name IS NOT NULL) SELECT names.name FROM names WHERE names.name IS NOT NULL",
    ),
    Text(
        "WITH RECURSIVE names(name) AS (SELECT min(ready.queue) AS name FROM ready UNION ALL SELECT (SELECT "
        "min(ready.queue) AS min_1 FROM ready WHERE ready.queue > names.name) AS anon_1 FROM names WHERE "
        "names.name IS NOT NULL) SELECT names.name FROM names WHERE names.name IS NOT NULL",
    ),
)

LIMITS = Statement(
    Text(
        "SELECT queue.concurrency, queue.key_concurrency, queue.rate, queue.rate_per, queue.rate_burst, "
        "queue.ageing, queue.max_retries, queue.backoff, queue.keep_completed, queue.keep_dead, queue.rate_at "
        "FROM queue WHERE queue.name = ? AND queue.limited = 1",
    ),
    Text(
        "SELECT queue.concurrency, queue.key_concurrency, queue.rate, queue.rate_per, queue.rate_burst, "
        "queue.ageing, queue.max_retries, queue.backoff, queue.keep_completed, queue.keep_dead, queue.rate_at "
        'FROM queue WHERE queue.name = %s::VARCHAR COLLATE "C" AND queue.limited = 1 FOR UPDATE',
    ),
)

LIMITS_UNLESS_LOCKED = Statement(
    Text(
        "SELECT queue.concurrency, queue.key_concurrency, queue.rate, queue.rate_per, queue.rate_burst, "
        "queue.ageing, queue.max_retries, queue.backoff, queue.keep_completed, queue.keep_dead, queue.rate_at "
        "FROM queue WHERE queue.name = ? AND queue.limited = 1",
    ),
    Text(
        "SELECT queue.concurrency, queue.key_concurrency, queue.rate, queue.rate_per, queue.rate_burst, "
        "queue.ageing, queue.max_retries, queue.backoff, queue.keep_completed, queue.keep_dead, queue.rate_at "
        'FROM queue WHERE queue.name = %s::VARCHAR COLLATE "C" AND queue.limited = 1 FOR UPDATE SKIP LOCKED',
    ),
)

LIMITS_PEEK = Statement(
    Text(
        "SELECT queue.concurrency, queue.key_concurrency, queue.rate, queue.rate_per, queue.rate_burst, "
        "queue.ageing, queue.max_retries, queue.backoff, queue.keep_completed, queue.keep_dead, queue.rate_at "
        "FROM queue WHERE queue.name = ? AND queue.limited = 1",
    ),
    Text(
        "SELECT queue.concurrency, queue.key_concurrency, queue.rate, queue.rate_per, queue.rate_burst, "
        "queue.ageing, queue.max_retries, queue.backoff, queue.keep_completed, queue.keep_dead, queue.rate_at "
        'FROM queue WHERE queue.name = %s::VARCHAR COLLATE "C" AND queue.limited = 1',
    ),
)

SPEND = Statement(
    Text(
        "UPDATE queue SET rate_at=? WHERE queue.name = ?",
    ),
    Text(
        'UPDATE queue SET rate_at=%s::BIGINT WHERE queue.name = %s::VARCHAR COLLATE "C"',
    ),
)

RUNNING_IN = Statement(
    Text(
        'SELECT (SELECT job.limit_key FROM job WHERE job.id = lease.job_id) AS "key", lease.worker_id FROM '
        "lease WHERE (SELECT job.queue FROM job WHERE job.id = lease.job_id) = ?",
    ),
    Text(
        "SELECT (SELECT job.limit_key FROM job WHERE job.id = lease.job_id) AS key, lease.worker_id FROM "
        'lease WHERE (SELECT job.queue FROM job WHERE job.id = lease.job_id) = %s::VARCHAR COLLATE "C"',
    ),
)

PRIORITIES = Statement(
    Text(
        "WITH RECURSIVE priorities(value) AS (SELECT min(ready.priority) AS value FROM ready WHERE "
        "ready.queue = ? UNION ALL SELECT (SELECT min(ready.priority) AS min_1 FROM ready WHERE ready.queue = "
        "? AND ready.priority > priorities.value) AS anon_1 FROM priorities WHERE priorities.value IS NOT "
        "NULL) SELECT priorities.value FROM priorities WHERE priorities.value IS NOT NULL",
        (0, 0),
        (),
    ),
    Text(
        "WITH RECURSIVE priorities(value) AS (SELECT min(ready.priority) AS value FROM ready WHERE "
        'ready.queue = %s::VARCHAR COLLATE "C" UNION ALL SELECT (SELECT min(ready.priority) AS min_1 FROM '
        'ready WHERE ready.queue = %s::VARCHAR COLLATE "C" AND ready.priority > priorities.value) AS anon_1 '
        "FROM priorities WHERE priorities.value IS NOT NULL) SELECT priorities.value FROM priorities WHERE "
        "priorities.value IS NOT NULL",
        (0, 0),
        (),
    ),
)

KEYS = Statement(
    Text(
        "WITH RECURSIVE keys(value) AS (SELECT min(ready.limit_key) AS value FROM ready WHERE ready.queue = ? "
        "AND ready.priority = ? AND ready.limit_key > ? UNION ALL SELECT (SELECT min(ready.limit_key) AS "
        "min_1 FROM ready WHERE ready.queue = ? AND ready.priority = ? AND ready.limit_key > keys.value) AS "
        "anon_1 FROM keys WHERE keys.value IS NOT NULL) SELECT keys.value FROM keys WHERE keys.value IS NOT "
        "NULL LIMIT ? + 0 OFFSET ?",
        (0, 1, 2, 0, 1, 3, 4),
        (0,),
    ),
    Text(
        "WITH RECURSIVE keys(value) AS (SELECT min(ready.limit_key) AS value FROM ready WHERE ready.queue = "
        '%s::VARCHAR COLLATE "C" AND ready.priority = %s::INTEGER AND ready.limit_key > %s::VARCHAR COLLATE '
        '"C" UNION ALL SELECT (SELECT min(ready.limit_key) AS min_1 FROM ready WHERE ready.queue = '
        '%s::VARCHAR COLLATE "C" AND ready.priority = %s::INTEGER AND ready.limit_key > keys.value) AS anon_1 '
        "FROM keys WHERE keys.value IS NOT NULL) SELECT keys.value FROM keys WHERE keys.value IS NOT NULL "
        "LIMIT %s::INTEGER + 0",
        (0, 1, 2, 0, 1, 3),
        (),
    ),
)

LAST_OF_CLASS = Statement(
    Text(
        "SELECT max(ready.job_id) AS max_1 FROM ready WHERE ready.queue = ? AND ready.priority = ?",
    ),
    Text(
        'SELECT max(ready.job_id) AS max_1 FROM ready WHERE ready.queue = %s::VARCHAR COLLATE "C" AND '
        "ready.priority = %s::INTEGER",
    ),
)

MARK_KEY = Statement(
    Text(
        "UPDATE ready SET limit_key=(SELECT job.limit_key FROM job WHERE job.id = ready.job_id) WHERE "
        "ready.queue = ? AND ready.priority = ? AND ready.job_id = ? AND (SELECT job.limit_key FROM job WHERE "
        "job.id = ready.job_id) IS NOT NULL",
    ),
    Text(
        "UPDATE ready SET limit_key=(SELECT job.limit_key FROM job WHERE job.id = ready.job_id) WHERE "
        'ready.queue = %s::VARCHAR COLLATE "C" AND ready.priority = %s::INTEGER AND ready.job_id = %s::BIGINT '
        "AND (SELECT job.limit_key FROM job WHERE job.id = ready.job_id) IS NOT NULL",
    ),
    Text(
        "UPDATE ready SET limit_key=(SELECT job.limit_key FROM job WHERE job.id = ready.job_id) WHERE "
        'ready.queue = %s::VARCHAR COLLATE "C" AND ready.priority = %s::INTEGER AND ready.job_id = ANY '
        "(%s::BIGINT[]) AND ready.job_id >= (%s::BIGINT[])[%s::INTEGER] AND ready.job_id <= "
        "(%s::BIGINT[])[cardinality(%s::BIGINT[])] AND (SELECT job.limit_key FROM job WHERE job.id = "
        "ready.job_id) IS NOT NULL",
        (0, 1, 2, 2, 3, 2, 2),
        (1,),
    ),
    alike=2,
)

CLASS_HEAD = Statement(
    Text(
        "SELECT ready.queue, ready.priority, ready.job_id, ready.attempt + 1 AS anon_1, ready.retries, "
        "ready.crashes, ready.suspect, ? AS anon_2, ? AS anon_3, ready.since, job.task, job.args, "
        "job.max_retries, job.backoff, job.timeout, job.unique_key, job.limit_key FROM ready JOIN job ON "
        "job.id = ready.job_id WHERE ready.queue = ? AND ready.priority = ? AND ready.suspect = 0 AND NOT "
        "(EXISTS (SELECT * FROM queue WHERE queue.name = ? AND queue.paused_at IS NOT NULL AND "
        "(queue.paused_until IS NULL OR queue.paused_until > ?))) AND (ready.assigned_to IS NULL OR "
        "ready.assigned_to = ?) AND (EXISTS (SELECT * FROM worker_task WHERE worker_task.worker_id = ? AND "
        "worker_task.task = job.task)) ORDER BY ready.priority, ready.job_id LIMIT ? + 0 OFFSET ?",
        (4, 2, 0, 1, 0, 2, 3, 4, 5, 6),
        (0,),
    ),
    Text(
        "SELECT ready.queue, ready.priority, ready.job_id, ready.attempt + 1 AS anon_1, ready.retries, "
        "ready.crashes, ready.suspect, %s::BIGINT AS anon_2, %s::BIGINT AS anon_3, ready.since, asked.task, "
        "CAST(asked.args AS TEXT) AS args, asked.max_retries, asked.backoff, asked.timeout, asked.unique_key, "
        "asked.limit_key FROM ready JOIN LATERAL (SELECT job.task AS task, job.args AS args, job.max_retries "
        "AS max_retries, job.backoff AS backoff, job.timeout AS timeout, job.unique_key AS unique_key, "
        "job.limit_key AS limit_key FROM job WHERE job.id = ready.job_id LIMIT 1) AS asked ON true WHERE "
        'ready.queue = %s::VARCHAR COLLATE "C" AND ready.priority = %s::INTEGER AND ready.suspect = 0 AND NOT '
        '(EXISTS (SELECT * FROM queue WHERE queue.name = %s::VARCHAR COLLATE "C" AND queue.paused_at IS NOT '
        "NULL AND (queue.paused_until IS NULL OR queue.paused_until > %s::BIGINT))) AND (ready.assigned_to IS "
        'NULL OR ready.assigned_to = %s::VARCHAR COLLATE "C") AND asked.task = ANY (array((SELECT '
        "worker_task.task FROM worker_task WHERE worker_task.worker_id = %s::BIGINT FOR KEY SHARE))) ORDER BY "
        "ready.priority, ready.job_id LIMIT %s::INTEGER + 0 FOR UPDATE OF ready SKIP LOCKED",
        (4, 2, 0, 1, 0, 2, 3, 4, 5),
        (),
    ),
)

CLASS_PEEK = Statement(
    Text(
        "SELECT ready.queue, ready.priority, ready.job_id, ready.attempt + 1 AS anon_1, ready.retries, "
        "ready.crashes, ready.suspect, ? AS anon_2, ? AS anon_3, ready.since, job.task, job.args, "
        "job.max_retries, job.backoff, job.timeout, job.unique_key, job.limit_key FROM ready JOIN job ON "
        "job.id = ready.job_id WHERE ready.queue = ? AND ready.priority = ? AND ready.suspect = 0 AND NOT "
        "(EXISTS (SELECT * FROM queue WHERE queue.name = ? AND queue.paused_at IS NOT NULL AND "
        "(queue.paused_until IS NULL OR queue.paused_until > ?))) AND (ready.assigned_to IS NULL OR "
        "ready.assigned_to = ?) AND (EXISTS (SELECT * FROM worker_task WHERE worker_task.worker_id = ? AND "
        "worker_task.task = job.task)) ORDER BY ready.priority, ready.job_id LIMIT ? + 0 OFFSET ?",
        (4, 2, 0, 1, 0, 2, 3, 4, 5, 6),
        (0,),
    ),
    Text(
        "SELECT ready.queue, ready.priority, ready.job_id, ready.attempt + 1 AS anon_1, ready.retries, "
        "ready.crashes, ready.suspect, %s::BIGINT AS anon_2, %s::BIGINT AS anon_3, ready.since, asked.task, "
        "CAST(asked.args AS TEXT) AS args, asked.max_retries, asked.backoff, asked.timeout, asked.unique_key, "
        "asked.limit_key FROM ready JOIN LATERAL (SELECT job.task AS task, job.args AS args, job.max_retries "
        "AS max_retries, job.backoff AS backoff, job.timeout AS timeout, job.unique_key AS unique_key, "
        "job.limit_key AS limit_key FROM job WHERE job.id = ready.job_id LIMIT 1) AS asked ON true WHERE "
        'ready.queue = %s::VARCHAR COLLATE "C" AND ready.priority = %s::INTEGER AND ready.suspect = 0 AND NOT '
        '(EXISTS (SELECT * FROM queue WHERE queue.name = %s::VARCHAR COLLATE "C" AND queue.paused_at IS NOT '
        "NULL AND (queue.paused_until IS NULL OR queue.paused_until > %s::BIGINT))) AND (ready.assigned_to IS "
        'NULL OR ready.assigned_to = %s::VARCHAR COLLATE "C") AND asked.task = ANY (array((SELECT '
        "worker_task.task FROM worker_task WHERE worker_task.worker_id = %s::BIGINT))) ORDER BY "
        "ready.priority, ready.job_id LIMIT %s::INTEGER + 0",
        (4, 2, 0, 1, 0, 2, 3, 4, 5),
        (),
    ),
)

KEY_HEAD = Statement(
    Text(
        "SELECT ready.queue, ready.priority, ready.job_id, ready.attempt + 1 AS anon_1, ready.retries, "
        "ready.crashes, ready.suspect, ? AS anon_2, ? AS anon_3, ready.since, job.task, job.args, "
        "job.max_retries, job.backoff, job.timeout, job.unique_key, job.limit_key FROM ready AS found JOIN "
        "ready ON found.queue = ready.queue AND found.priority = ready.priority AND found.job_id = "
        "ready.job_id JOIN job ON job.id = ready.job_id WHERE found.queue = ? AND found.priority = ? AND "
        "found.limit_key = ? AND ready.suspect = 0 AND NOT (EXISTS (SELECT * FROM queue WHERE queue.name = ? "
        "AND queue.paused_at IS NOT NULL AND (queue.paused_until IS NULL OR queue.paused_until > ?))) AND "
        "(ready.assigned_to IS NULL OR ready.assigned_to = ?) AND (EXISTS (SELECT * FROM worker_task WHERE "
        "worker_task.worker_id = ? AND worker_task.task = job.task)) ORDER BY found.priority, found.job_id "
        "LIMIT ? + 0 OFFSET ?",
        (5, 3, 0, 1, 2, 0, 3, 4, 5, 6, 7),
        (0,),
    ),
    Text(
        "SELECT ready.queue, ready.priority, ready.job_id, ready.attempt + 1 AS anon_1, ready.retries, "
        "ready.crashes, ready.suspect, %s::BIGINT AS anon_2, %s::BIGINT AS anon_3, ready.since, asked.task, "
        "CAST(asked.args AS TEXT) AS args, asked.max_retries, asked.backoff, asked.timeout, asked.unique_key, "
        "asked.limit_key FROM ready JOIN LATERAL (SELECT job.task AS task, job.args AS args, job.max_retries "
        "AS max_retries, job.backoff AS backoff, job.timeout AS timeout, job.unique_key AS unique_key, "
        "job.limit_key AS limit_key FROM job WHERE job.id = ready.job_id LIMIT 1) AS asked ON true WHERE "
        'ready.queue = %s::VARCHAR COLLATE "C" AND ready.priority = %s::INTEGER AND ready.limit_key = '
        '%s::VARCHAR COLLATE "C" AND ready.suspect = 0 AND NOT (EXISTS (SELECT * FROM queue WHERE queue.name '
        '= %s::VARCHAR COLLATE "C" AND queue.paused_at IS NOT NULL AND (queue.paused_until IS NULL OR '
        "queue.paused_until > %s::BIGINT))) AND (ready.assigned_to IS NULL OR ready.assigned_to = %s::VARCHAR "
        'COLLATE "C") AND asked.task = ANY (array((SELECT worker_task.task FROM worker_task WHERE '
        "worker_task.worker_id = %s::BIGINT FOR KEY SHARE))) ORDER BY ready.priority, ready.job_id LIMIT "
        "%s::INTEGER + 0 FOR UPDATE OF ready SKIP LOCKED",
        (5, 3, 0, 1, 2, 0, 3, 4, 5, 6),
        (),
    ),
)

KEY_PEEK = Statement(
    Text(
        "SELECT ready.queue, ready.priority, ready.job_id, ready.attempt + 1 AS anon_1, ready.retries, "
        "ready.crashes, ready.suspect, ? AS anon_2, ? AS anon_3, ready.since, job.task, job.args, "
        "job.max_retries, job.backoff, job.timeout, job.unique_key, job.limit_key FROM ready AS found JOIN "
        "ready ON found.queue = ready.queue AND found.priority = ready.priority AND found.job_id = "
        "ready.job_id JOIN job ON job.id = ready.job_id WHERE found.queue = ? AND found.priority = ? AND "
        "found.limit_key = ? AND ready.suspect = 0 AND NOT (EXISTS (SELECT * FROM queue WHERE queue.name = ? "
        "AND queue.paused_at IS NOT NULL AND (queue.paused_until IS NULL OR queue.paused_until > ?))) AND "
        "(ready.assigned_to IS NULL OR ready.assigned_to = ?) AND (EXISTS (SELECT * FROM worker_task WHERE "
        "worker_task.worker_id = ? AND worker_task.task = job.task)) ORDER BY found.priority, found.job_id "
        "LIMIT ? + 0 OFFSET ?",
        (5, 3, 0, 1, 2, 0, 3, 4, 5, 6, 7),
        (0,),
    ),
    Text(
        "SELECT ready.queue, ready.priority, ready.job_id, ready.attempt + 1 AS anon_1, ready.retries, "
        "ready.crashes, ready.suspect, %s::BIGINT AS anon_2, %s::BIGINT AS anon_3, ready.since, asked.task, "
        "CAST(asked.args AS TEXT) AS args, asked.max_retries, asked.backoff, asked.timeout, asked.unique_key, "
        "asked.limit_key FROM ready JOIN LATERAL (SELECT job.task AS task, job.args AS args, job.max_retries "
        "AS max_retries, job.backoff AS backoff, job.timeout AS timeout, job.unique_key AS unique_key, "
        "job.limit_key AS limit_key FROM job WHERE job.id = ready.job_id LIMIT 1) AS asked ON true WHERE "
        'ready.queue = %s::VARCHAR COLLATE "C" AND ready.priority = %s::INTEGER AND ready.limit_key = '
        '%s::VARCHAR COLLATE "C" AND ready.suspect = 0 AND NOT (EXISTS (SELECT * FROM queue WHERE queue.name '
        '= %s::VARCHAR COLLATE "C" AND queue.paused_at IS NOT NULL AND (queue.paused_until IS NULL OR '
        "queue.paused_until > %s::BIGINT))) AND (ready.assigned_to IS NULL OR ready.assigned_to = %s::VARCHAR "
        'COLLATE "C") AND asked.task = ANY (array((SELECT worker_task.task FROM worker_task WHERE '
        "worker_task.worker_id = %s::BIGINT))) ORDER BY ready.priority, ready.job_id LIMIT %s::INTEGER + 0",
        (5, 3, 0, 1, 2, 0, 3, 4, 5, 6),
        (),
    ),
)

UNKEYED_HEAD = Statement(
    Text(
        "SELECT ready.queue, ready.priority, ready.job_id, ready.attempt + 1 AS anon_1, ready.retries, "
        "ready.crashes, ready.suspect, ? AS anon_2, ? AS anon_3, ready.since, job.task, job.args, "
        "job.max_retries, job.backoff, job.timeout, job.unique_key, job.limit_key FROM ready JOIN job ON "
        "job.id = ready.job_id WHERE ready.queue = ? AND ready.priority = ? AND ready.limit_key IS NULL AND "
        "ready.job_id > ? AND ready.suspect = 0 AND NOT (EXISTS (SELECT * FROM queue WHERE queue.name = ? AND "
        "queue.paused_at IS NOT NULL AND (queue.paused_until IS NULL OR queue.paused_until > ?))) AND "
        "(ready.assigned_to IS NULL OR ready.assigned_to = ?) AND (EXISTS (SELECT * FROM worker_task WHERE "
        "worker_task.worker_id = ? AND worker_task.task = job.task)) ORDER BY ready.priority, ready.job_id "
        "LIMIT ? + 0 OFFSET ?",
        (5, 3, 0, 1, 2, 0, 3, 4, 5, 6, 7),
        (0,),
    ),
    Text(
        "SELECT ready.queue, ready.priority, ready.job_id, ready.attempt + 1 AS anon_1, ready.retries, "
        "ready.crashes, ready.suspect, %s::BIGINT AS anon_2, %s::BIGINT AS anon_3, ready.since, asked.task, "
        "CAST(asked.args AS TEXT) AS args, asked.max_retries, asked.backoff, asked.timeout, asked.unique_key, "
        "asked.limit_key FROM ready JOIN LATERAL (SELECT job.task AS task, job.args AS args, job.max_retries "
        "AS max_retries, job.backoff AS backoff, job.timeout AS timeout, job.unique_key AS unique_key, "
        "job.limit_key AS limit_key FROM job WHERE job.id = ready.job_id LIMIT 1) AS asked ON true WHERE "
        'ready.queue = %s::VARCHAR COLLATE "C" AND ready.priority = %s::INTEGER AND ready.limit_key IS NULL '
        "AND ready.job_id > %s::BIGINT AND ready.suspect = 0 AND NOT (EXISTS (SELECT * FROM queue WHERE "
        'queue.name = %s::VARCHAR COLLATE "C" AND queue.paused_at IS NOT NULL AND (queue.paused_until IS NULL '
        "OR queue.paused_until > %s::BIGINT))) AND (ready.assigned_to IS NULL OR ready.assigned_to = "
        '%s::VARCHAR COLLATE "C") AND asked.task = ANY (array((SELECT worker_task.task FROM worker_task WHERE '
        "worker_task.worker_id = %s::BIGINT FOR KEY SHARE))) ORDER BY ready.priority, ready.job_id LIMIT "
        "%s::INTEGER + 0 FOR UPDATE OF ready SKIP LOCKED",
        (5, 3, 0, 1, 2, 0, 3, 4, 5, 6),
        (),
    ),
)

UNKEYED_PEEK = Statement(
    Text(
        "SELECT ready.queue, ready.priority, ready.job_id, ready.attempt + 1 AS anon_1, ready.retries, "
        "ready.crashes, ready.suspect, ? AS anon_2, ? AS anon_3, ready.since, job.task, job.args, "
        "job.max_retries, job.backoff, job.timeout, job.unique_key, job.limit_key FROM ready JOIN job ON "
        "job.id = ready.job_id WHERE ready.queue = ? AND ready.priority = ? AND ready.limit_key IS NULL AND "
        "ready.job_id > ? AND ready.suspect = 0 AND NOT (EXISTS (SELECT * FROM queue WHERE queue.name = ? AND "
        "queue.paused_at IS NOT NULL AND (queue.paused_until IS NULL OR queue.paused_until > ?))) AND "
        "(ready.assigned_to IS NULL OR ready.assigned_to = ?) AND (EXISTS (SELECT * FROM worker_task WHERE "
        "worker_task.worker_id = ? AND worker_task.task = job.task)) ORDER BY ready.priority, ready.job_id "
        "LIMIT ? + 0 OFFSET ?",
        (5, 3, 0, 1, 2, 0, 3, 4, 5, 6, 7),
        (0,),
    ),
    Text(
        "SELECT ready.queue, ready.priority, ready.job_id, ready.attempt + 1 AS anon_1, ready.retries, "
        "ready.crashes, ready.suspect, %s::BIGINT AS anon_2, %s::BIGINT AS anon_3, ready.since, asked.task, "
        "CAST(asked.args AS TEXT) AS args, asked.max_retries, asked.backoff, asked.timeout, asked.unique_key, "
        "asked.limit_key FROM ready JOIN LATERAL (SELECT job.task AS task, job.args AS args, job.max_retries "
        "AS max_retries, job.backoff AS backoff, job.timeout AS timeout, job.unique_key AS unique_key, "
        "job.limit_key AS limit_key FROM job WHERE job.id = ready.job_id LIMIT 1) AS asked ON true WHERE "
        'ready.queue = %s::VARCHAR COLLATE "C" AND ready.priority = %s::INTEGER AND ready.limit_key IS NULL '
        "AND ready.job_id > %s::BIGINT AND ready.suspect = 0 AND NOT (EXISTS (SELECT * FROM queue WHERE "
        'queue.name = %s::VARCHAR COLLATE "C" AND queue.paused_at IS NOT NULL AND (queue.paused_until IS NULL '
        "OR queue.paused_until > %s::BIGINT))) AND (ready.assigned_to IS NULL OR ready.assigned_to = "
        '%s::VARCHAR COLLATE "C") AND asked.task = ANY (array((SELECT worker_task.task FROM worker_task WHERE '
        "worker_task.worker_id = %s::BIGINT))) ORDER BY ready.priority, ready.job_id LIMIT %s::INTEGER + 0",
        (5, 3, 0, 1, 2, 0, 3, 4, 5, 6),
        (),
    ),
)

SUSPECTS_HEAD = Statement(
    Text(
        "SELECT ready.queue, ready.priority, ready.job_id, ready.attempt + 1 AS anon_1, ready.retries, "
        "ready.crashes, ready.suspect, ? AS anon_2, ? AS anon_3, ready.since, job.task, job.args, "
        "job.max_retries, job.backoff, job.timeout, job.unique_key, job.limit_key FROM ready AS found JOIN "
        "ready ON found.queue = ready.queue AND found.priority = ready.priority AND found.job_id = "
        "ready.job_id JOIN job ON job.id = ready.job_id WHERE found.queue = ? AND found.suspect = 1 AND "
        "ready.suspect = 1 AND NOT (EXISTS (SELECT * FROM queue WHERE queue.name = ? AND queue.paused_at IS "
        "NOT NULL AND (queue.paused_until IS NULL OR queue.paused_until > ?))) AND (ready.assigned_to IS NULL "
        "OR ready.assigned_to = ?) AND (EXISTS (SELECT * FROM worker_task WHERE worker_task.worker_id = ? AND "
        "worker_task.task = job.task)) ORDER BY found.priority, found.job_id LIMIT ? + 0 OFFSET ?",
        (3, 1, 0, 0, 1, 2, 3, 4, 5),
        (0,),
    ),
    Text(
        "SELECT ready.queue, ready.priority, ready.job_id, ready.attempt + 1 AS anon_1, ready.retries, "
        "ready.crashes, ready.suspect, %s::BIGINT AS anon_2, %s::BIGINT AS anon_3, ready.since, asked.task, "
        "CAST(asked.args AS TEXT) AS args, asked.max_retries, asked.backoff, asked.timeout, asked.unique_key, "
        "asked.limit_key FROM ready JOIN LATERAL (SELECT job.task AS task, job.args AS args, job.max_retries "
        "AS max_retries, job.backoff AS backoff, job.timeout AS timeout, job.unique_key AS unique_key, "
        "job.limit_key AS limit_key FROM job WHERE job.id = ready.job_id LIMIT 1) AS asked ON true WHERE "
        'ready.queue = %s::VARCHAR COLLATE "C" AND ready.suspect = 1 AND ready.suspect = 1 AND NOT (EXISTS '
        '(SELECT * FROM queue WHERE queue.name = %s::VARCHAR COLLATE "C" AND queue.paused_at IS NOT NULL AND '
        "(queue.paused_until IS NULL OR queue.paused_until > %s::BIGINT))) AND (ready.assigned_to IS NULL OR "
        'ready.assigned_to = %s::VARCHAR COLLATE "C") AND asked.task = ANY (array((SELECT worker_task.task '
        "FROM worker_task WHERE worker_task.worker_id = %s::BIGINT FOR KEY SHARE))) ORDER BY ready.priority, "
        "ready.job_id LIMIT %s::INTEGER + 0 FOR UPDATE OF ready SKIP LOCKED",
        (3, 1, 0, 0, 1, 2, 3, 4),
        (),
    ),
)

SUSPECTS_PEEK = Statement(
    Text(
        "SELECT ready.queue, ready.priority, ready.job_id, ready.attempt + 1 AS anon_1, ready.retries, "
        "ready.crashes, ready.suspect, ? AS anon_2, ? AS anon_3, ready.since, job.task, job.args, "
        "job.max_retries, job.backoff, job.timeout, job.unique_key, job.limit_key FROM ready AS found JOIN "
        "ready ON found.queue = ready.queue AND found.priority = ready.priority AND found.job_id = "
        "ready.job_id JOIN job ON job.id = ready.job_id WHERE found.queue = ? AND found.suspect = 1 AND "
        "ready.suspect = 1 AND NOT (EXISTS (SELECT * FROM queue WHERE queue.name = ? AND queue.paused_at IS "
        "NOT NULL AND (queue.paused_until IS NULL OR queue.paused_until > ?))) AND (ready.assigned_to IS NULL "
        "OR ready.assigned_to = ?) AND (EXISTS (SELECT * FROM worker_task WHERE worker_task.worker_id = ? AND "
        "worker_task.task = job.task)) ORDER BY found.priority, found.job_id LIMIT ? + 0 OFFSET ?",
        (3, 1, 0, 0, 1, 2, 3, 4, 5),
        (0,),
    ),
    Text(
        "SELECT ready.queue, ready.priority, ready.job_id, ready.attempt + 1 AS anon_1, ready.retries, "
        "ready.crashes, ready.suspect, %s::BIGINT AS anon_2, %s::BIGINT AS anon_3, ready.since, asked.task, "
        "CAST(asked.args AS TEXT) AS args, asked.max_retries, asked.backoff, asked.timeout, asked.unique_key, "
        "asked.limit_key FROM ready JOIN LATERAL (SELECT job.task AS task, job.args AS args, job.max_retries "
        "AS max_retries, job.backoff AS backoff, job.timeout AS timeout, job.unique_key AS unique_key, "
        "job.limit_key AS limit_key FROM job WHERE job.id = ready.job_id LIMIT 1) AS asked ON true WHERE "
        'ready.queue = %s::VARCHAR COLLATE "C" AND ready.suspect = 1 AND ready.suspect = 1 AND NOT (EXISTS '
        '(SELECT * FROM queue WHERE queue.name = %s::VARCHAR COLLATE "C" AND queue.paused_at IS NOT NULL AND '
        "(queue.paused_until IS NULL OR queue.paused_until > %s::BIGINT))) AND (ready.assigned_to IS NULL OR "
        'ready.assigned_to = %s::VARCHAR COLLATE "C") AND asked.task = ANY (array((SELECT worker_task.task '
        "FROM worker_task WHERE worker_task.worker_id = %s::BIGINT))) ORDER BY ready.priority, ready.job_id "
        "LIMIT %s::INTEGER + 0",
        (3, 1, 0, 0, 1, 2, 3, 4),
        (),
    ),
)

INSERT_DEPENDENT = Statement(
    Text(
        "INSERT INTO dependent (job_id, batch, on_fail, due_at, passed, created_at) VALUES (?, ?, ?, ?, ?, ?)",
    ),
    Text(
        "INSERT INTO dependent (job_id, batch, on_fail, due_at, passed, created_at) VALUES (%s::BIGINT, "
        '%s::VARCHAR COLLATE "C", %s::VARCHAR COLLATE "C", %s::BIGINT, %s::BIGINT, %s::BIGINT)',
    ),
    Text(
        "INSERT INTO dependent (job_id, batch, on_fail, due_at, passed, created_at) SELECT rows.job_id, "
        "rows.batch, rows.on_fail, rows.due_at, rows.passed, rows.created_at FROM unnest(%s::BIGINT[], "
        '%s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE "C", %s::BIGINT[], %s::BIGINT[], %s::BIGINT[]) AS '
        "rows(job_id, batch, on_fail, due_at, passed, created_at)",
    ),
)

INSERT_DEPENDENCY = Statement(
    Text(
        "INSERT INTO dependency (job_id, on_job_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
    ),
    Text(
        "INSERT INTO dependency (job_id, on_job_id) VALUES (%s::BIGINT, %s::BIGINT) ON CONFLICT DO NOTHING",
    ),
    Text(
        "INSERT INTO dependency (job_id, on_job_id) SELECT rows.job_id, rows.on_job_id FROM "
        "unnest(%s::BIGINT[], %s::BIGINT[]) AS rows(job_id, on_job_id) ON CONFLICT DO NOTHING",
    ),
)

WAITING_DEPENDENTS = Statement(
    Text(
        "SELECT dependent.job_id, dependent.batch, dependent.on_fail, dependent.due_at, dependent.passed, "
        "dependent.created_at, delayed.due_at AS stands FROM dependent LEFT OUTER JOIN delayed ON "
        "delayed.job_id = dependent.job_id WHERE dependent.released_at IS NULL AND dependent.job_id > ? ORDER "
        "BY dependent.job_id LIMIT ? + 0 OFFSET ?",
        (0, 1, 2),
        (0,),
    ),
    Text(
        "SELECT dependent.job_id, dependent.batch, dependent.on_fail, dependent.due_at, dependent.passed, "
        "dependent.created_at, delayed.due_at AS stands FROM dependent LEFT OUTER JOIN delayed ON "
        "delayed.job_id = dependent.job_id WHERE dependent.released_at IS NULL AND dependent.job_id > "
        "%s::BIGINT ORDER BY dependent.job_id LIMIT %s::INTEGER + 0",
    ),
)

DEPENDENT_LOCKED = Statement(
    Text(
        "SELECT dependent.job_id, dependent.batch, dependent.on_fail, dependent.due_at, dependent.passed, "
        "dependent.created_at FROM dependent WHERE dependent.job_id = ? AND dependent.released_at IS NULL",
    ),
    Text(
        "SELECT dependent.job_id, dependent.batch, dependent.on_fail, dependent.due_at, dependent.passed, "
        "dependent.created_at FROM dependent WHERE dependent.job_id = %s::BIGINT AND dependent.released_at IS "
        "NULL FOR UPDATE",
    ),
)

NEXT_DEPENDENCIES = Statement(
    Text(
        "SELECT dependency.on_job_id, closed.state, job.id IS NOT NULL AS there FROM dependency LEFT OUTER "
        "JOIN job ON job.id = dependency.on_job_id LEFT OUTER JOIN closed ON closed.job_id = "
        "dependency.on_job_id WHERE dependency.job_id = ? AND dependency.on_job_id > ? ORDER BY "
        "dependency.on_job_id LIMIT ? + 0 OFFSET ?",
        (0, 1, 2, 3),
        (0,),
    ),
    Text(
        "SELECT dependency.on_job_id, closed.state, job.id IS NOT NULL AS there FROM dependency LEFT OUTER "
        "JOIN job ON job.id = dependency.on_job_id LEFT OUTER JOIN closed ON closed.job_id = "
        "dependency.on_job_id WHERE dependency.job_id = %s::BIGINT AND dependency.on_job_id > %s::BIGINT "
        "ORDER BY dependency.on_job_id LIMIT %s::INTEGER + 0",
    ),
)

UNFINISHED_DEPENDENCIES = Statement(
    Text(
        "SELECT dependency.on_job_id FROM dependency JOIN job ON job.id = dependency.on_job_id WHERE "
        "dependency.job_id = ? AND dependency.on_job_id > ? AND NOT (EXISTS (SELECT * FROM closed WHERE "
        "closed.job_id = dependency.on_job_id)) ORDER BY dependency.on_job_id LIMIT ? + 0 OFFSET ?",
        (0, 1, 2, 3),
        (0,),
    ),
    Text(
        "SELECT dependency.on_job_id FROM dependency JOIN job ON job.id = dependency.on_job_id WHERE "
        "dependency.job_id = %s::BIGINT AND dependency.on_job_id > %s::BIGINT AND NOT (EXISTS (SELECT * FROM "
        "closed WHERE closed.job_id = dependency.on_job_id)) ORDER BY dependency.on_job_id LIMIT %s::INTEGER "
        "+ 0",
    ),
)

FAILED_MEMBERS = Statement(
    Text(
        "SELECT dependent.job_id, closed.job_id AS member FROM closed JOIN dependency ON dependency.on_job_id "
        "= closed.job_id JOIN dependent ON dependent.job_id = dependency.job_id WHERE closed.state = ? AND "
        "closed.finished_at >= ? AND dependent.released_at IS NULL AND dependent.on_fail = 'cancel'",
    ),
    Text(
        "SELECT dependent.job_id, closed.job_id AS member FROM closed JOIN dependency ON dependency.on_job_id "
        "= closed.job_id JOIN dependent ON dependent.job_id = dependency.job_id WHERE closed.state = "
        '%s::VARCHAR COLLATE "C" AND closed.finished_at >= %s::BIGINT AND dependent.released_at IS NULL AND '
        "dependent.on_fail = 'cancel'",
    ),
)

WAITS_FOR = Statement(
    Text(
        "WITH RECURSIVE reached(job_id) AS (SELECT dependency.on_job_id AS job_id FROM dependency JOIN "
        "dependent ON dependent.job_id = dependency.job_id WHERE dependency.job_id = ? AND "
        "dependent.released_at IS NULL UNION SELECT dependency.on_job_id AS on_job_id FROM dependency JOIN "
        "dependent ON dependent.job_id = dependency.job_id JOIN reached ON reached.job_id = dependency.job_id "
        "WHERE dependent.released_at IS NULL) SELECT reached.job_id FROM reached WHERE reached.job_id = ? "
        "LIMIT 1 OFFSET ?",
        (0, 1, 2),
        (0,),
    ),
    Text(
        "WITH RECURSIVE reached(job_id) AS (SELECT dependency.on_job_id AS job_id FROM dependency JOIN "
        "dependent ON dependent.job_id = dependency.job_id WHERE dependency.job_id = %s::BIGINT AND "
        "dependent.released_at IS NULL UNION SELECT dependency.on_job_id AS on_job_id FROM dependency JOIN "
        "dependent ON dependent.job_id = dependency.job_id JOIN reached ON reached.job_id = dependency.job_id "
        "WHERE dependent.released_at IS NULL) SELECT reached.job_id FROM reached WHERE reached.job_id = "
        "%s::BIGINT LIMIT 1",
    ),
)

SET_PASSED = Statement(
    Text(
        "UPDATE dependent SET passed=? WHERE dependent.job_id = ?",
    ),
    Text(
        "UPDATE dependent SET passed=%s::BIGINT WHERE dependent.job_id = %s::BIGINT",
    ),
)

SET_DEPENDENT_DUE = Statement(
    Text(
        "UPDATE dependent SET due_at=? WHERE dependent.job_id = ? AND dependent.released_at IS NULL",
    ),
    Text(
        "UPDATE dependent SET due_at=%s::BIGINT WHERE dependent.job_id = %s::BIGINT AND dependent.released_at IS NULL",
    ),
)

RELEASE_DEPENDENT = Statement(
    Text(
        "UPDATE dependent SET released_at=? WHERE dependent.job_id = ? AND dependent.released_at IS NULL",
    ),
    Text(
        "UPDATE dependent SET released_at=%s::BIGINT WHERE dependent.job_id = %s::BIGINT AND "
        "dependent.released_at IS NULL",
    ),
)

AWAITED = Statement(
    Text(
        "SELECT dependency.job_id FROM dependency JOIN dependent ON dependent.job_id = dependency.job_id "
        "WHERE dependency.on_job_id = ? AND dependent.released_at IS NULL LIMIT 1 OFFSET ?",
        (0, 1),
        (0,),
    ),
    Text(
        "SELECT dependency.job_id FROM dependency JOIN dependent ON dependent.job_id = dependency.job_id "
        "WHERE dependency.on_job_id = %s::BIGINT AND dependent.released_at IS NULL LIMIT 1",
    ),
)

BATCH_OF = Statement(
    Text(
        "SELECT dependent.job_id FROM dependency JOIN dependent ON dependent.job_id = dependency.job_id WHERE "
        "dependency.on_job_id = ? AND dependent.batch IS NOT NULL LIMIT 1 OFFSET ?",
        (0, 1),
        (0,),
    ),
    Text(
        "SELECT dependent.job_id FROM dependency JOIN dependent ON dependent.job_id = dependency.job_id WHERE "
        "dependency.on_job_id = %s::BIGINT AND dependent.batch IS NOT NULL LIMIT 1",
    ),
)

DELETE_LEASE = Statement(
    Text(
        "DELETE FROM lease WHERE lease.job_id = ? AND lease.attempt = ? AND lease.worker_id = ?",
    ),
    Text(
        "DELETE FROM lease WHERE lease.job_id = %s::BIGINT AND lease.attempt = %s::INTEGER AND "
        "lease.worker_id = %s::BIGINT",
    ),
    Text(
        "DELETE FROM lease WHERE lease.job_id = ANY (%s::BIGINT[]) AND lease.attempt = "
        "(%s::INTEGER[])[width_bucket(lease.job_id, %s::BIGINT[])] AND lease.worker_id = "
        "(%s::BIGINT[])[width_bucket(lease.job_id, %s::BIGINT[])]",
        (0, 1, 0, 2, 0),
        (),
    ),
)

DELETE_LEASE_RUN = Statement(
    Text(
        "DELETE FROM lease WHERE lease.job_id BETWEEN ? AND ? AND lease.attempt = ? AND lease.worker_id = ?",
    ),
    Text(
        "DELETE FROM lease WHERE lease.job_id BETWEEN %s::BIGINT AND %s::BIGINT AND lease.attempt = "
        "%s::INTEGER AND lease.worker_id = %s::BIGINT",
    ),
)

INSERT_ATTEMPT = Statement(
    Text(
        "INSERT INTO attempt (job_id, attempt, worker_id, claimed_at, started_at, ended_at, outcome, error, "
        "next_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ),
    Text(
        "INSERT INTO attempt (job_id, attempt, worker_id, claimed_at, started_at, ended_at, outcome, error, "
        "next_at) VALUES (%s::BIGINT, %s::INTEGER, %s::BIGINT, %s::BIGINT, %s::BIGINT, %s::BIGINT, "
        '%s::VARCHAR COLLATE "C", %s::VARCHAR COLLATE "C", %s::BIGINT)',
    ),
    Text(
        "INSERT INTO attempt (job_id, attempt, worker_id, claimed_at, started_at, ended_at, outcome, error, "
        "next_at) SELECT rows.job_id, rows.attempt, rows.worker_id, rows.claimed_at, rows.started_at, "
        "rows.ended_at, rows.outcome, rows.error, rows.next_at FROM unnest(%s::BIGINT[], %s::INTEGER[], "
        '%s::BIGINT[], %s::BIGINT[], %s::BIGINT[], %s::BIGINT[], %s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE '
        '"C", %s::BIGINT[]) AS rows(job_id, attempt, worker_id, claimed_at, started_at, ended_at, outcome, '
        "error, next_at)",
    ),
)

INSERT_ATTEMPT_PLAIN = Statement(
    Text(
        "INSERT INTO attempt (job_id, attempt, worker_id, claimed_at, started_at, ended_at, outcome) VALUES "
        "(?, ?, ?, ?, ?, ?, 'completed')",
    ),
    Text(
        "INSERT INTO attempt (job_id, attempt, worker_id, claimed_at, started_at, ended_at, outcome) VALUES "
        "(%s::BIGINT, %s::INTEGER, %s::BIGINT, %s::BIGINT, %s::BIGINT, %s::BIGINT, 'completed')",
    ),
    Text(
        "INSERT INTO attempt (job_id, attempt, worker_id, claimed_at, started_at, ended_at, outcome) SELECT "
        "rows.job_id, rows.attempt, rows.worker_id, rows.claimed_at, rows.started_at, rows.ended_at, "
        "'completed' FROM unnest(%s::BIGINT[], %s::INTEGER[], %s::BIGINT[], %s::BIGINT[], %s::BIGINT[], "
        "%s::BIGINT[]) AS rows(job_id, attempt, worker_id, claimed_at, started_at, ended_at)",
    ),
)

INSERT_CLOSED_PLAIN = Statement(
    Text(
        "INSERT INTO closed (job_id, state, finished_at, attempt, retries, crashes) VALUES (?, 'completed', "
        "?, ?, ?, ?)",
    ),
    Text(
        "INSERT INTO closed (job_id, state, finished_at, attempt, retries, crashes) VALUES (%s::BIGINT, "
        "'completed', %s::BIGINT, %s::INTEGER, %s::INTEGER, %s::INTEGER)",
    ),
    Text(
        "INSERT INTO closed (job_id, finished_at, attempt, retries, crashes, state) SELECT rows.job_id, "
        "rows.finished_at, rows.attempt, rows.retries, rows.crashes, 'completed' FROM unnest(%s::BIGINT[], "
        "%s::BIGINT[], %s::INTEGER[], %s::INTEGER[], %s::INTEGER[]) AS rows(job_id, finished_at, attempt, "
        "retries, crashes)",
    ),
)

INSERT_CLOSED = Statement(
    Text(
        "INSERT INTO closed (job_id, state, finished_at, attempt, retries, crashes, result, error) VALUES (?, "
        "?, ?, ?, ?, ?, ?, ?)",
    ),
    Text(
        "INSERT INTO closed (job_id, state, finished_at, attempt, retries, crashes, result, error) VALUES "
        '(%s::BIGINT, %s::VARCHAR COLLATE "C", %s::BIGINT, %s::INTEGER, %s::INTEGER, %s::INTEGER, CAST(%s AS '
        'JSON), %s::VARCHAR COLLATE "C")',
    ),
    Text(
        "INSERT INTO closed (job_id, state, finished_at, attempt, retries, crashes, result, error) SELECT "
        "rows.job_id, rows.state, rows.finished_at, rows.attempt, rows.retries, rows.crashes, rows.result, "
        'rows.error FROM unnest(%s::BIGINT[], %s::TEXT[] COLLATE "C", %s::BIGINT[], %s::INTEGER[], '
        '%s::INTEGER[], %s::INTEGER[], %s::JSON[], %s::TEXT[] COLLATE "C") AS rows(job_id, state, '
        "finished_at, attempt, retries, crashes, result, error)",
    ),
)

INSERT_REFUSAL = Statement(
    Text(
        "INSERT INTO refusal (at, job_id, attempt, worker_id, outcome) VALUES (?, ?, ?, ?, ?)",
    ),
    Text(
        "INSERT INTO refusal (at, job_id, attempt, worker_id, outcome) VALUES (%s::BIGINT, %s::BIGINT, "
        '%s::INTEGER, %s::BIGINT, %s::VARCHAR COLLATE "C")',
    ),
    Text(
        "INSERT INTO refusal (at, job_id, attempt, worker_id, outcome) SELECT rows.at, rows.job_id, "
        "rows.attempt, rows.worker_id, rows.outcome FROM unnest(%s::BIGINT[], %s::BIGINT[], %s::INTEGER[], "
        '%s::BIGINT[], %s::TEXT[] COLLATE "C") AS rows(at, job_id, attempt, worker_id, outcome)',
    ),
)

INSERT_INTENT = Statement(
    Text(
        "INSERT INTO file_intent (job_id, staged, target) VALUES (?, ?, ?)",
    ),
    Text(
        'INSERT INTO file_intent (job_id, staged, target) VALUES (%s::BIGINT, %s::VARCHAR COLLATE "C", '
        '%s::VARCHAR COLLATE "C")',
    ),
    Text(
        "INSERT INTO file_intent (job_id, staged, target) SELECT rows.job_id, rows.staged, rows.target FROM "
        'unnest(%s::BIGINT[], %s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE "C") AS rows(job_id, staged, target)',
    ),
)

DELETE_INTENT = Statement(
    Text(
        "DELETE FROM file_intent WHERE file_intent.job_id = ? AND file_intent.staged = ?",
    ),
    Text(
        "DELETE FROM file_intent WHERE file_intent.job_id = %s::BIGINT AND file_intent.staged = %s::VARCHAR "
        'COLLATE "C"',
    ),
    Text(
        "DELETE FROM file_intent WHERE file_intent.job_id = ANY (%s::BIGINT[]) AND file_intent.staged = ANY "
        '(%s::TEXT[] COLLATE "C")',
    ),
)

INTENTS = Statement(
    Text(
        "SELECT file_intent.job_id, file_intent.staged, file_intent.target FROM file_intent WHERE "
        "(file_intent.job_id, file_intent.staged) > (?, ?) ORDER BY file_intent.job_id, file_intent.staged "
        "LIMIT ? + 0 OFFSET ?",
        (0, 1, 2, 3),
        (0,),
    ),
    Text(
        "SELECT file_intent.job_id, file_intent.staged, file_intent.target FROM file_intent WHERE "
        "(file_intent.job_id, file_intent.staged) > (%s::BIGINT, %s) ORDER BY file_intent.job_id, "
        "file_intent.staged LIMIT %s::INTEGER + 0",
    ),
)

STANDS = Statement(
    Text(
        "SELECT attempt.outcome FROM attempt WHERE attempt.job_id = ? AND attempt.attempt = ? AND "
        "attempt.worker_id = ? AND attempt.outcome != 'crashed'",
    ),
    Text(
        "SELECT attempt.outcome FROM attempt WHERE attempt.job_id = %s::BIGINT AND attempt.attempt = "
        "%s::INTEGER AND attempt.worker_id = %s::BIGINT AND attempt.outcome != 'crashed'",
    ),
)

WAS_HELD = Statement(
    Text(
        "SELECT attempt.outcome FROM attempt WHERE attempt.job_id = ? AND attempt.attempt = ? AND "
        "attempt.worker_id = ?",
    ),
    Text(
        "SELECT attempt.outcome FROM attempt WHERE attempt.job_id = %s::BIGINT AND attempt.attempt = "
        "%s::INTEGER AND attempt.worker_id = %s::BIGINT",
    ),
)

DELETE_PROGRESS = Statement(
    Text(
        "DELETE FROM progress WHERE progress.job_id = ?",
    ),
    Text(
        "DELETE FROM progress WHERE progress.job_id = %s::BIGINT",
    ),
    Text(
        "DELETE FROM progress WHERE progress.job_id = ANY (%s::BIGINT[])",
    ),
)

REPORT_PROGRESS = Statement(
    Text(
        "INSERT INTO progress (job_id, attempt, at, fraction, note) SELECT ? AS anon_1, ? AS anon_2, ? AS "
        "anon_3, ? AS anon_4, ? AS anon_5 WHERE EXISTS (SELECT * FROM lease WHERE lease.job_id = ? AND "
        "lease.attempt = ? AND lease.worker_id = ?) ON CONFLICT DO NOTHING",
        (3, 4, 0, 1, 2, 3, 4, 5),
        (),
    ),
    Text(
        "INSERT INTO progress (job_id, attempt, at, fraction, note) SELECT %s::BIGINT AS anon_1, %s::INTEGER "
        "AS anon_2, %s::BIGINT AS anon_3, %s AS anon_4, %s::VARCHAR AS anon_5 WHERE EXISTS (SELECT * FROM "
        "lease WHERE lease.job_id = %s::BIGINT AND lease.attempt = %s::INTEGER AND lease.worker_id = "
        "%s::BIGINT) ON CONFLICT DO NOTHING",
        (3, 4, 0, 1, 2, 3, 4, 5),
        (),
    ),
)

REPORT_LINE = Statement(
    Text(
        "INSERT INTO job_log (job_id, attempt, at, line) SELECT ? AS anon_1, ? AS anon_2, ? AS anon_3, ? AS "
        "anon_4 WHERE (EXISTS (SELECT * FROM lease WHERE lease.job_id = ? AND lease.attempt = ? AND "
        "lease.worker_id = ?)) OR (EXISTS (SELECT * FROM attempt WHERE attempt.job_id = ? AND attempt.attempt "
        "= ? AND attempt.worker_id = ? AND attempt.outcome = ?))",
        (2, 3, 0, 1, 2, 3, 4, 2, 3, 4, 5),
        ("completed",),
    ),
    Text(
        "INSERT INTO job_log (job_id, attempt, at, line) SELECT %s::BIGINT AS anon_1, %s::INTEGER AS anon_2, "
        "%s::BIGINT AS anon_3, %s::VARCHAR AS anon_4 WHERE (EXISTS (SELECT * FROM lease WHERE lease.job_id = "
        "%s::BIGINT AND lease.attempt = %s::INTEGER AND lease.worker_id = %s::BIGINT)) OR (EXISTS (SELECT * "
        "FROM attempt WHERE attempt.job_id = %s::BIGINT AND attempt.attempt = %s::INTEGER AND "
        'attempt.worker_id = %s::BIGINT AND attempt.outcome = %s::VARCHAR COLLATE "C"))',
        (2, 3, 0, 1, 2, 3, 4, 2, 3, 4, 5),
        ("completed",),
    ),
)

INSERT_WORKER = Statement(
    Text(
        "INSERT INTO worker (id, name, host, pid, process_start, pid_space, boot_id, beat, slots, queues, "
        "version, started_at, heartbeat_at, memory, machine_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
        "?, ?, ?) ON CONFLICT DO NOTHING",
    ),
    Text(
        "INSERT INTO worker (id, name, host, pid, process_start, pid_space, boot_id, beat, slots, queues, "
        'version, started_at, heartbeat_at, memory, machine_at) VALUES (%s::BIGINT, %s::VARCHAR COLLATE "C", '
        '%s::VARCHAR COLLATE "C", %s::INTEGER, %s::BIGINT, %s::VARCHAR COLLATE "C", %s::VARCHAR COLLATE "C", '
        '%s::BIGINT, %s::INTEGER, %s::VARCHAR COLLATE "C", %s::VARCHAR COLLATE "C", %s::BIGINT, %s::BIGINT, '
        "%s::BIGINT, %s::BIGINT) ON CONFLICT DO NOTHING",
    ),
    Text(
        "INSERT INTO worker (id, name, host, pid, process_start, pid_space, boot_id, beat, slots, queues, "
        "version, started_at, heartbeat_at, memory, machine_at) SELECT rows.id, rows.name, rows.host, "
        "rows.pid, rows.process_start, rows.pid_space, rows.boot_id, rows.beat, rows.slots, rows.queues, "
        "rows.version, rows.started_at, rows.heartbeat_at, rows.memory, rows.machine_at FROM "
        'unnest(%s::BIGINT[], %s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE "C", %s::INTEGER[], %s::BIGINT[], '
        '%s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE "C", %s::BIGINT[], %s::INTEGER[], %s::TEXT[] COLLATE "C", '
        '%s::TEXT[] COLLATE "C", %s::BIGINT[], %s::BIGINT[], %s::BIGINT[], %s::BIGINT[]) AS rows(id, name, '
        "host, pid, process_start, pid_space, boot_id, beat, slots, queues, version, started_at, "
        "heartbeat_at, memory, machine_at) ON CONFLICT DO NOTHING",
    ),
)

INSERT_WORKER_TASK = Statement(
    Text(
        "INSERT INTO worker_task (worker_id, task) VALUES (?, ?) ON CONFLICT DO NOTHING",
    ),
    Text(
        'INSERT INTO worker_task (worker_id, task) VALUES (%s::BIGINT, %s::VARCHAR COLLATE "C") ON CONFLICT DO NOTHING',
    ),
    Text(
        "INSERT INTO worker_task (worker_id, task) SELECT rows.worker_id, rows.task FROM unnest(%s::BIGINT[], "
        '%s::TEXT[] COLLATE "C") AS rows(worker_id, task) ON CONFLICT DO NOTHING',
    ),
)

DELETE_WORKER_TASKS = Statement(
    Text(
        "DELETE FROM worker_task WHERE worker_task.worker_id = ?",
    ),
    Text(
        "DELETE FROM worker_task WHERE worker_task.worker_id = %s::BIGINT",
    ),
    Text(
        "DELETE FROM worker_task WHERE worker_task.worker_id = ANY (%s::BIGINT[])",
    ),
)

BEAT = Statement(
    Text(
        "UPDATE worker SET boot_id=?, beat=?, heartbeat_at=?, memory=?, stopping_at=CASE WHEN (? IS NULL) "
        "THEN worker.stopping_at ELSE ? END, machine_at=? WHERE worker.id = ? AND worker.ended_at IS NULL",
        (0, 1, 2, 4, 5, 5, 3, 6),
        (),
    ),
    Text(
        'UPDATE worker SET boot_id=%s::VARCHAR COLLATE "C", beat=coalesce(%s::BIGINT, CAST(EXTRACT(epoch FROM '
        "clock_timestamp()) * 1000000 AS BIGINT)), heartbeat_at=%s::BIGINT, memory=%s::BIGINT, "
        "stopping_at=CASE WHEN (%s::BIGINT IS NULL) THEN worker.stopping_at ELSE %s::BIGINT END, "
        "machine_at=%s::BIGINT WHERE worker.id = %s::BIGINT AND worker.ended_at IS NULL",
        (0, 1, 2, 4, 5, 5, 3, 6),
        (),
    ),
)

REVIVE_WORKER = Statement(
    Text(
        "UPDATE worker SET boot_id=?, beat=?, heartbeat_at=?, stopping_at=NULL, ended_at=NULL, "
        "end_reason=NULL, machine_at=? WHERE worker.id = ? AND worker.ended_at IS NOT NULL",
    ),
    Text(
        'UPDATE worker SET boot_id=%s::VARCHAR COLLATE "C", beat=coalesce(%s::BIGINT, CAST(EXTRACT(epoch FROM '
        "clock_timestamp()) * 1000000 AS BIGINT)), heartbeat_at=%s::BIGINT, stopping_at=NULL, ended_at=NULL, "
        "end_reason=NULL, machine_at=%s::BIGINT WHERE worker.id = %s::BIGINT AND worker.ended_at IS NOT NULL",
    ),
)

CANCEL_ASKED = Statement(
    Text(
        "SELECT lease.job_id FROM lease WHERE lease.worker_id = ? AND lease.cancel_requested_at IS NOT NULL",
    ),
    Text(
        "SELECT lease.job_id FROM lease WHERE lease.worker_id = %s::BIGINT AND lease.cancel_requested_at IS NOT NULL",
    ),
)

END_WORKER = Statement(
    Text(
        "UPDATE worker SET ended_at=?, end_reason=? WHERE worker.id = ? AND worker.ended_at IS NULL",
    ),
    Text(
        'UPDATE worker SET ended_at=%s::BIGINT, end_reason=%s::VARCHAR COLLATE "C" WHERE worker.id = '
        "%s::BIGINT AND worker.ended_at IS NULL",
    ),
)

REMOTE_LIFE = Statement(
    Text(
        "SELECT worker.name, worker.slots, worker.queues, worker.pid_space FROM worker WHERE worker.id = ? "
        "AND worker.ended_at IS NULL",
    ),
    Text(
        "SELECT worker.name, worker.slots, worker.queues, worker.pid_space FROM worker WHERE worker.id = "
        "%s::BIGINT AND worker.ended_at IS NULL",
    ),
)

TASKS_AT_HEAD = Statement(
    Text(
        "SELECT job.task FROM ready JOIN job ON job.id = ready.job_id WHERE ready.queue = ? AND "
        "ready.assigned_to IS NULL ORDER BY ready.priority, ready.job_id LIMIT ? + 0 OFFSET ?",
        (0, 1, 2),
        (0,),
    ),
    Text(
        "SELECT job.task FROM ready JOIN job ON job.id = ready.job_id WHERE ready.queue = %s::VARCHAR COLLATE "
        '"C" AND ready.assigned_to IS NULL ORDER BY ready.priority, ready.job_id LIMIT %s::INTEGER + 0',
    ),
)

LOCK_WORKER = Statement(
    Text(
        "SELECT worker.id FROM worker WHERE worker.id = ? AND worker.ended_at IS NULL AND worker.beat = ?",
    ),
    Text(
        "SELECT worker.id FROM worker WHERE worker.id = %s::BIGINT AND worker.ended_at IS NULL AND "
        "worker.beat = %s::BIGINT FOR UPDATE",
    ),
)

BURY_WORKER = Statement(
    Text(
        "UPDATE worker SET ended_at=?, end_reason=? WHERE worker.id = ? AND worker.ended_at IS NULL AND "
        "worker.beat = ?",
    ),
    Text(
        'UPDATE worker SET ended_at=%s::BIGINT, end_reason=%s::VARCHAR COLLATE "C" WHERE worker.id = '
        "%s::BIGINT AND worker.ended_at IS NULL AND worker.beat = %s::BIGINT",
    ),
)

HOOKED_STATES = Statement(
    Text(
        "SELECT hook.state FROM hook",
    ),
    Text(
        "SELECT hook.state FROM hook",
    ),
)

SET_HOOK = Statement(
    Text(
        "INSERT INTO hook (state, at) VALUES (?, ?) ON CONFLICT (state) DO UPDATE SET at = excluded.at",
    ),
    Text(
        'INSERT INTO hook (state, at) VALUES (%s::VARCHAR COLLATE "C", %s::BIGINT) ON CONFLICT (state) DO '
        "UPDATE SET at = excluded.at",
    ),
)

FORGET_HOOKS = Statement(
    Text(
        "DELETE FROM hook WHERE hook.at < ?",
    ),
    Text(
        "DELETE FROM hook WHERE hook.at < %s::BIGINT",
    ),
)

INSERT_HOOK_CALL = Statement(
    Text(
        "INSERT INTO hook_call (job_id, task, queue, attempt, state, error, ended_at, caller, held_until) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ),
    Text(
        "INSERT INTO hook_call (job_id, task, queue, attempt, state, error, ended_at, caller, held_until) "
        'VALUES (%s::BIGINT, %s::VARCHAR COLLATE "C", %s::VARCHAR COLLATE "C", %s::INTEGER, %s::VARCHAR '
        'COLLATE "C", %s::VARCHAR COLLATE "C", %s::BIGINT, %s::BIGINT, %s::BIGINT)',
    ),
    Text(
        "INSERT INTO hook_call (job_id, task, queue, attempt, state, error, ended_at, caller, held_until) "
        "SELECT rows.job_id, rows.task, rows.queue, rows.attempt, rows.state, rows.error, rows.ended_at, "
        'rows.caller, rows.held_until FROM unnest(%s::BIGINT[], %s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE '
        '"C", %s::INTEGER[], %s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE "C", %s::BIGINT[], %s::BIGINT[], '
        "%s::BIGINT[]) AS rows(job_id, task, queue, attempt, state, error, ended_at, caller, held_until)",
    ),
)

ENDED_JOB = Statement(
    Text(
        "SELECT job.id, job.task, job.queue, closed.attempt, closed.state, closed.error, closed.finished_at "
        "FROM job JOIN closed ON closed.job_id = job.id WHERE job.id = ?",
    ),
    Text(
        "SELECT job.id, job.task, job.queue, closed.attempt, closed.state, closed.error, closed.finished_at "
        "FROM job JOIN closed ON closed.job_id = job.id WHERE job.id = %s::BIGINT",
    ),
)

HOOK_CALLS_OF = Statement(
    Text(
        "SELECT hook_call.id, hook_call.job_id, hook_call.task, hook_call.queue, hook_call.attempt, "
        "hook_call.state, hook_call.error, hook_call.ended_at FROM hook_call WHERE hook_call.caller = ? ORDER "
        "BY hook_call.id LIMIT ? + 0 OFFSET ?",
        (0, 1, 2),
        (0,),
    ),
    Text(
        "SELECT hook_call.id, hook_call.job_id, hook_call.task, hook_call.queue, hook_call.attempt, "
        "hook_call.state, hook_call.error, hook_call.ended_at FROM hook_call WHERE hook_call.caller = "
        "%s::BIGINT ORDER BY hook_call.id LIMIT %s::INTEGER + 0",
    ),
)

LEFT_HOOK_CALLS = Statement(
    Text(
        "SELECT hook_call.id, hook_call.caller, hook_call.job_id, hook_call.task, hook_call.queue, "
        "hook_call.attempt, hook_call.state, hook_call.error, hook_call.ended_at FROM hook_call WHERE "
        "hook_call.id > ? AND hook_call.held_until <= ? AND NOT (EXISTS (SELECT * FROM worker WHERE worker.id "
        "= hook_call.caller AND worker.ended_at IS NULL)) ORDER BY hook_call.id LIMIT ? + 0 OFFSET ?",
        (0, 1, 2, 3),
        (0,),
    ),
    Text(
        "SELECT hook_call.id, hook_call.caller, hook_call.job_id, hook_call.task, hook_call.queue, "
        "hook_call.attempt, hook_call.state, hook_call.error, hook_call.ended_at FROM hook_call WHERE "
        "hook_call.id > %s::BIGINT AND hook_call.held_until <= %s::BIGINT AND NOT (EXISTS (SELECT * FROM "
        "worker WHERE worker.id = hook_call.caller AND worker.ended_at IS NULL)) ORDER BY hook_call.id LIMIT "
        "%s::INTEGER + 0",
    ),
)

TAKE_HOOK_CALL = Statement(
    Text(
        "UPDATE hook_call SET caller=?, held_until=? WHERE hook_call.id = ? AND hook_call.caller = ? AND "
        "hook_call.held_until <= ?",
    ),
    Text(
        "UPDATE hook_call SET caller=%s::BIGINT, held_until=%s::BIGINT WHERE hook_call.id = %s::BIGINT AND "
        "hook_call.caller = %s::BIGINT AND hook_call.held_until <= %s::BIGINT",
    ),
)

DELETE_HOOK_CALL = Statement(
    Text(
        "DELETE FROM hook_call WHERE hook_call.id = ?",
    ),
    Text(
        "DELETE FROM hook_call WHERE hook_call.id = %s::BIGINT",
    ),
    Text(
        "DELETE FROM hook_call WHERE hook_call.id = ANY (%s::BIGINT[])",
    ),
)

FORGET_HOOK_CALLS = Statement(
    Text(
        "DELETE FROM hook_call WHERE hook_call.ended_at < ?",
    ),
    Text(
        "DELETE FROM hook_call WHERE hook_call.ended_at < %s::BIGINT",
    ),
)

DUE = Statement(
    Text(
        "SELECT delayed.due_at, delayed.job_id, job.queue, job.priority, delayed.attempt, delayed.retries, "
        "delayed.crashes, delayed.assigned_to, job.limit_key FROM delayed JOIN job ON job.id = delayed.job_id "
        "WHERE delayed.due_at <= ? ORDER BY delayed.due_at, delayed.job_id LIMIT ? + 0 OFFSET ?",
        (0, 1, 2),
        (0,),
    ),
    Text(
        "SELECT delayed.due_at, delayed.job_id, job.queue, job.priority, delayed.attempt, delayed.retries, "
        "delayed.crashes, delayed.assigned_to, job.limit_key FROM delayed JOIN job ON job.id = delayed.job_id "
        "WHERE delayed.due_at <= %s::BIGINT ORDER BY delayed.due_at, delayed.job_id LIMIT %s::INTEGER + 0 FOR "
        "UPDATE OF delayed SKIP LOCKED",
    ),
)

DELETE_DELAYED = Statement(
    Text(
        "DELETE FROM delayed WHERE delayed.job_id = ? AND delayed.due_at = ?",
    ),
    Text(
        "DELETE FROM delayed WHERE delayed.job_id = %s::BIGINT AND delayed.due_at = %s::BIGINT",
    ),
    Text(
        "DELETE FROM delayed WHERE delayed.job_id = ANY (%s::BIGINT[]) AND delayed.due_at = "
        "(%s::BIGINT[])[width_bucket(delayed.job_id, %s::BIGINT[])]",
        (0, 1, 0),
        (),
    ),
)

NEXT_DUE = Statement(
    Text(
        "SELECT min(delayed.due_at) AS min_1 FROM delayed",
    ),
    Text(
        "SELECT min(delayed.due_at) AS min_1 FROM delayed",
    ),
)

LEASES_OF = Statement(
    Text(
        "SELECT job.queue, job.priority, lease.job_id, lease.attempt, lease.retries, lease.crashes, "
        "lease.suspect, lease.worker_id, lease.claimed_at, lease.claimed_at AS since, job.task, "
        "substr(CAST(job.args AS TEXT), ?, ?) AS args, job.max_retries, job.backoff, job.timeout, "
        "job.unique_key, job.limit_key, lease.cancel_requested_at FROM lease JOIN job ON job.id = "
        "lease.job_id WHERE lease.worker_id = ? ORDER BY lease.job_id LIMIT ? + 0 OFFSET ?",
        (2, 3, 0, 1, 4),
        (1, 1, 0),
    ),
    Text(
        "SELECT job.queue, job.priority, lease.job_id, lease.attempt, lease.retries, lease.crashes, "
        "lease.suspect, lease.worker_id, lease.claimed_at, lease.claimed_at AS since, job.task, "
        "substr(CAST(job.args AS TEXT), %s::INTEGER, %s::INTEGER) AS args, job.max_retries, job.backoff, "
        "job.timeout, job.unique_key, job.limit_key, lease.cancel_requested_at FROM lease JOIN job ON job.id "
        "= lease.job_id WHERE lease.worker_id = %s::BIGINT ORDER BY lease.job_id LIMIT %s::INTEGER + 0",
        (2, 3, 0, 1),
        (1, 1),
    ),
)

HOLDERS = Statement(
    Text(
        "SELECT worker.id, worker.name, worker.pid, worker.process_start, worker.pid_space, worker.boot_id, "
        "worker.beat, worker.stopping_at, worker.machine_at, ? AS anon_1 FROM worker WHERE worker.ended_at IS "
        "NULL UNION ALL SELECT anon_2.worker_id, NULL AS anon_3, NULL AS anon__1, NULL AS anon__2, NULL AS "
        "anon__3, NULL AS anon__4, NULL AS anon__5, NULL AS anon__6, NULL AS anon__7, NULL AS anon__8 FROM "
        "(SELECT DISTINCT lease.worker_id AS worker_id FROM lease WHERE NOT (EXISTS (SELECT * FROM worker "
        "WHERE worker.id = lease.worker_id AND worker.ended_at IS NULL)) LIMIT ? + 0 OFFSET ?) AS anon_2 "
        "ORDER BY 1",
        (0, 1, 2),
        (0,),
    ),
    Text(
        "SELECT worker.id, worker.name, worker.pid, worker.process_start, worker.pid_space, worker.boot_id, "
        "worker.beat, worker.stopping_at, worker.machine_at, coalesce(%s::BIGINT, CAST(EXTRACT(epoch FROM "
        "clock_timestamp()) * 1000000 AS BIGINT)) AS coalesce_1 FROM worker WHERE worker.ended_at IS NULL "
        "UNION ALL SELECT anon_1.worker_id, NULL AS anon_2, NULL AS anon__1, NULL AS anon__2, NULL AS "
        "anon__3, NULL AS anon__4, NULL AS anon__5, NULL AS anon__6, NULL AS anon__7, NULL AS anon__8 FROM "
        "(SELECT DISTINCT lease.worker_id AS worker_id FROM lease WHERE NOT (EXISTS (SELECT * FROM worker "
        "WHERE worker.id = lease.worker_id AND worker.ended_at IS NULL)) LIMIT %s::INTEGER + 0) AS anon_1 "
        "ORDER BY 1",
    ),
)

DUTY_HELD = Statement(
    Text(
        "SELECT duty.worker_id, duty.boot_id, duty.until, worker.id, worker.name, worker.pid, "
        "worker.process_start, worker.pid_space, worker.boot_id AS boot_id_1, worker.beat, "
        "worker.stopping_at, worker.machine_at, ? AS anon_1 FROM duty LEFT OUTER JOIN worker ON worker.id = "
        "duty.worker_id AND worker.ended_at IS NULL WHERE duty.name = ?",
    ),
    Text(
        "SELECT duty.worker_id, duty.boot_id, duty.until, worker.id, worker.name, worker.pid, "
        "worker.process_start, worker.pid_space, worker.boot_id AS boot_id_1, worker.beat, "
        "worker.stopping_at, worker.machine_at, coalesce(%s::BIGINT, CAST(EXTRACT(epoch FROM "
        "clock_timestamp()) * 1000000 AS BIGINT)) AS coalesce_1 FROM duty LEFT OUTER JOIN worker ON worker.id "
        '= duty.worker_id AND worker.ended_at IS NULL WHERE duty.name = %s::VARCHAR COLLATE "C"',
    ),
)

RENEW_DUTY = Statement(
    Text(
        "UPDATE duty SET until=(? + ?) WHERE duty.name = ? AND duty.worker_id = ? AND duty.boot_id = ? AND "
        "duty.until > ?",
        (0, 1, 2, 3, 4, 0),
        (),
    ),
    Text(
        "UPDATE duty SET until=(coalesce(%s::BIGINT, CAST(EXTRACT(epoch FROM clock_timestamp()) * 1000000 AS "
        'BIGINT)) + %s::BIGINT) WHERE duty.name = %s::VARCHAR COLLATE "C" AND duty.worker_id = %s::BIGINT AND '
        'duty.boot_id = %s::VARCHAR COLLATE "C" AND duty.until > coalesce(%s::BIGINT, CAST(EXTRACT(epoch FROM '
        "clock_timestamp()) * 1000000 AS BIGINT))",
        (0, 1, 2, 3, 4, 0),
        (),
    ),
)

INSERT_DUTY = Statement(
    Text(
        "INSERT INTO duty (name, worker_id, boot_id, until) VALUES (?, ?, ?, (? + ?)) ON CONFLICT DO NOTHING",
    ),
    Text(
        'INSERT INTO duty (name, worker_id, boot_id, until) VALUES (%s::VARCHAR COLLATE "C", %s::BIGINT, '
        '%s::VARCHAR COLLATE "C", (coalesce(%s::BIGINT, CAST(EXTRACT(epoch FROM clock_timestamp()) * 1000000 '
        "AS BIGINT)) + %s::BIGINT)) ON CONFLICT DO NOTHING",
    ),
)

INSERT_DUTY_FAILURE = Statement(
    Text(
        "INSERT INTO duty_failure (worker_id, duty, at, error, resigned) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    ),
    Text(
        "INSERT INTO duty_failure (worker_id, duty, at, error, resigned) VALUES (%s::BIGINT, %s::VARCHAR "
        'COLLATE "C", %s::BIGINT, %s::VARCHAR COLLATE "C", %s::INTEGER) ON CONFLICT DO NOTHING',
    ),
    Text(
        "INSERT INTO duty_failure (worker_id, duty, at, error, resigned) SELECT rows.worker_id, rows.duty, "
        'rows.at, rows.error, rows.resigned FROM unnest(%s::BIGINT[], %s::TEXT[] COLLATE "C", %s::BIGINT[], '
        '%s::TEXT[] COLLATE "C", %s::INTEGER[]) AS rows(worker_id, duty, at, error, resigned) ON CONFLICT DO '
        "NOTHING",
    ),
)

RESIGNED_FOR = Statement(
    Text(
        "UPDATE duty_failure SET resigned=1 WHERE duty_failure.worker_id = ? AND duty_failure.duty = ?",
    ),
    Text(
        "UPDATE duty_failure SET resigned=1 WHERE duty_failure.worker_id = %s::BIGINT AND duty_failure.duty = "
        '%s::VARCHAR COLLATE "C"',
    ),
)

DELETE_DUTY_FAILURE = Statement(
    Text(
        "DELETE FROM duty_failure WHERE duty_failure.worker_id = ? AND duty_failure.duty = ?",
    ),
    Text(
        "DELETE FROM duty_failure WHERE duty_failure.worker_id = %s::BIGINT AND duty_failure.duty = "
        '%s::VARCHAR COLLATE "C"',
    ),
)

FORGET_DUTY_FAILURES = Statement(
    Text(
        "DELETE FROM duty_failure WHERE duty_failure.at < ?",
    ),
    Text(
        "DELETE FROM duty_failure WHERE duty_failure.at < %s::BIGINT",
    ),
)

CLOCKS_AHEAD = Statement(
    Text(
        "SELECT worker.heartbeat_at - worker.beat AS anon_1 FROM worker WHERE worker.boot_id = ? AND "
        "worker.ended_at IS NULL AND worker.id != ?",
    ),
    Text(
        "SELECT worker.heartbeat_at - worker.beat AS anon_1 FROM worker WHERE worker.boot_id = %s::VARCHAR "
        'COLLATE "C" AND worker.ended_at IS NULL AND worker.id != %s::BIGINT',
    ),
)

LAST_CLOCK_STEP = Statement(
    Text(
        "SELECT clock_step.id, clock_step.boot_id, clock_step.ahead, clock_step.last_at FROM clock_step ORDER "
        "BY clock_step.id DESC LIMIT 1 OFFSET ?",
        (0,),
        (0,),
    ),
    Text(
        "SELECT clock_step.id, clock_step.boot_id, clock_step.ahead, clock_step.last_at FROM clock_step ORDER "
        "BY clock_step.id DESC LIMIT 1",
    ),
)

CLOCK_STEPS = Statement(
    Text(
        "SELECT clock_step.boot_id, clock_step.at, clock_step.ahead, clock_step.last_at FROM clock_step ORDER "
        "BY clock_step.id",
    ),
    Text(
        "SELECT clock_step.boot_id, clock_step.at, clock_step.ahead, clock_step.last_at FROM clock_step ORDER "
        "BY clock_step.id",
    ),
)

INSERT_CLOCK_STEP = Statement(
    Text(
        "INSERT INTO clock_step (boot_id, at, ahead, last_at) VALUES (?, ?, ?, ?)",
    ),
    Text(
        'INSERT INTO clock_step (boot_id, at, ahead, last_at) VALUES (%s::VARCHAR COLLATE "C", %s::BIGINT, '
        "%s::BIGINT, %s::BIGINT)",
    ),
    Text(
        "INSERT INTO clock_step (boot_id, at, ahead, last_at) SELECT rows.boot_id, rows.at, rows.ahead, "
        'rows.last_at FROM unnest(%s::TEXT[] COLLATE "C", %s::BIGINT[], %s::BIGINT[], %s::BIGINT[]) AS '
        "rows(boot_id, at, ahead, last_at)",
    ),
)

CLOCK_SEEN = Statement(
    Text(
        "UPDATE clock_step SET last_at=? WHERE clock_step.id = ?",
    ),
    Text(
        "UPDATE clock_step SET last_at=%s::BIGINT WHERE clock_step.id = %s::BIGINT",
    ),
)

DELETE_DUTY = Statement(
    Text(
        "DELETE FROM duty WHERE duty.name = ? AND duty.worker_id = ? AND duty.until = ?",
    ),
    Text(
        'DELETE FROM duty WHERE duty.name = %s::VARCHAR COLLATE "C" AND duty.worker_id = %s::BIGINT AND '
        "duty.until = %s::BIGINT",
    ),
)

INSERT_ROLLUP = Statement(
    Text(
        "INSERT INTO rollup (at, width, queue, task, outcome, worker_id, count, waited, ran, waits, runs, "
        "error, example, example_job) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ),
    Text(
        "INSERT INTO rollup (at, width, queue, task, outcome, worker_id, count, waited, ran, waits, runs, "
        'error, example, example_job) VALUES (%s::BIGINT, %s::INTEGER, %s::VARCHAR COLLATE "C", %s::VARCHAR '
        'COLLATE "C", %s::VARCHAR COLLATE "C", %s::BIGINT, %s::INTEGER, %s::BIGINT, %s::BIGINT, %s::VARCHAR '
        'COLLATE "C", %s::VARCHAR COLLATE "C", %s::VARCHAR COLLATE "C", %s::VARCHAR COLLATE "C", %s::BIGINT)',
    ),
    Text(
        "INSERT INTO rollup (at, width, queue, task, outcome, worker_id, count, waited, ran, waits, runs, "
        "error, example, example_job) SELECT rows.at, rows.width, rows.queue, rows.task, rows.outcome, "
        "rows.worker_id, rows.count, rows.waited, rows.ran, rows.waits, rows.runs, rows.error, rows.example, "
        'rows.example_job FROM unnest(%s::BIGINT[], %s::INTEGER[], %s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE '
        '"C", %s::TEXT[] COLLATE "C", %s::BIGINT[], %s::INTEGER[], %s::BIGINT[], %s::BIGINT[], %s::TEXT[] '
        'COLLATE "C", %s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE "C", %s::BIGINT[]) '
        "AS rows(at, width, queue, task, outcome, worker_id, count, waited, ran, waits, runs, error, example, "
        "example_job)",
    ),
)

FINE_ROLLUPS = Statement(
    Text(
        "SELECT rollup.id, rollup.at, rollup.width, rollup.queue, rollup.task, rollup.outcome, "
        "rollup.worker_id, rollup.count, rollup.waited, rollup.ran, rollup.waits, rollup.runs, rollup.error, "
        "rollup.example, rollup.example_job FROM rollup WHERE rollup.width = ? AND rollup.at < ? ORDER BY "
        "rollup.at LIMIT ? + 0 OFFSET ?",
        (0, 1, 2, 3),
        (0,),
    ),
    Text(
        "SELECT rollup.id, rollup.at, rollup.width, rollup.queue, rollup.task, rollup.outcome, "
        "rollup.worker_id, rollup.count, rollup.waited, rollup.ran, rollup.waits, rollup.runs, rollup.error, "
        "rollup.example, rollup.example_job FROM rollup WHERE rollup.width = %s::INTEGER AND rollup.at < "
        "%s::BIGINT ORDER BY rollup.at LIMIT %s::INTEGER + 0",
    ),
)

DELETE_ROLLUP = Statement(
    Text(
        "DELETE FROM rollup WHERE rollup.id = ?",
    ),
    Text(
        "DELETE FROM rollup WHERE rollup.id = %s::BIGINT",
    ),
    Text(
        "DELETE FROM rollup WHERE rollup.id = ANY (%s::BIGINT[])",
    ),
)

FORGET_ROLLUPS = Statement(
    Text(
        "DELETE FROM rollup WHERE rollup.width = ? AND rollup.at < ?",
    ),
    Text(
        "DELETE FROM rollup WHERE rollup.width = %s::INTEGER AND rollup.at < %s::BIGINT",
    ),
)

COUNTED_TO = Statement(
    Text(
        "SELECT coalesce((SELECT pulse.counted_to FROM pulse WHERE pulse.width = 1 ORDER BY pulse.at DESC "
        "LIMIT 1 OFFSET ?), (SELECT coalesce(max(pulse.counted_to), 0) AS coalesce_2 FROM pulse)) AS "
        "coalesce_1",
        (0,),
        (0,),
    ),
    Text(
        "SELECT coalesce((SELECT pulse.counted_to FROM pulse WHERE pulse.width = 1 ORDER BY pulse.at DESC "
        "LIMIT 1), (SELECT coalesce(max(pulse.counted_to), 0) AS coalesce_2 FROM pulse)) AS coalesce_1",
    ),
)

LOOK = Statement(
    Text(
        "SELECT 'ready' AS part, ready.queue AS queue, '' AS state, 0 AS worker, count(*) AS count, "
        "min(ready.since) AS more FROM ready GROUP BY ready.queue UNION ALL SELECT 'delayed' AS part, "
        "job.queue AS queue, delayed.state AS state, 0 AS worker, count(*) AS count, 0 AS more FROM delayed "
        "JOIN job ON job.id = delayed.job_id GROUP BY job.queue, delayed.state UNION ALL SELECT 'lease' AS "
        "part, job.queue AS queue, '' AS state, lease.worker_id AS worker, count(*) AS count, 0 AS more FROM "
        "lease JOIN job ON job.id = lease.job_id GROUP BY job.queue, lease.worker_id UNION ALL SELECT "
        "'closed' AS part, '' AS queue, closed.state AS state, 0 AS worker, count(*) AS count, 0 AS more FROM "
        "closed GROUP BY closed.state UNION ALL SELECT 'worker' AS part, '' AS queue, '' AS state, worker.id "
        "AS worker, worker.slots AS count, worker.memory AS more FROM worker WHERE worker.ended_at IS NULL "
        "UNION ALL SELECT 'whole' AS part, '' AS queue, '' AS state, (SELECT coalesce(max(job.id), 0) AS "
        "coalesce_1 FROM job) AS worker, coalesce((SELECT pulse.counted_to FROM pulse WHERE pulse.width = 1 "
        "ORDER BY pulse.at DESC LIMIT 1 OFFSET ?), (SELECT coalesce(max(pulse.counted_to), 0) AS coalesce_2 "
        "FROM pulse)) AS count, (SELECT count(*) AS count_1 FROM forecast WHERE forecast.decided_at IS NULL) "
        "AS more",
        (0,),
        (0,),
    ),
    Text(
        "SELECT 'ready' AS part, ready.queue AS queue, '' AS state, 0 AS worker, count(*) AS count, "
        "min(ready.since) AS more FROM ready GROUP BY ready.queue UNION ALL SELECT 'delayed' AS part, "
        "job.queue AS queue, delayed.state AS state, 0 AS worker, count(*) AS count, 0 AS more FROM delayed "
        "JOIN job ON job.id = delayed.job_id GROUP BY job.queue, delayed.state UNION ALL SELECT 'lease' AS "
        "part, job.queue AS queue, '' AS state, lease.worker_id AS worker, count(*) AS count, 0 AS more FROM "
        "lease JOIN job ON job.id = lease.job_id GROUP BY job.queue, lease.worker_id UNION ALL SELECT "
        "'closed' AS part, '' AS queue, closed.state AS state, 0 AS worker, count(*) AS count, 0 AS more FROM "
        "closed GROUP BY closed.state UNION ALL SELECT 'worker' AS part, '' AS queue, '' AS state, worker.id "
        "AS worker, worker.slots AS count, worker.memory AS more FROM worker WHERE worker.ended_at IS NULL "
        "UNION ALL SELECT 'whole' AS part, '' AS queue, '' AS state, (SELECT coalesce(max(job.id), 0) AS "
        "coalesce_1 FROM job) AS worker, coalesce((SELECT pulse.counted_to FROM pulse WHERE pulse.width = 1 "
        "ORDER BY pulse.at DESC LIMIT 1), (SELECT coalesce(max(pulse.counted_to), 0) AS coalesce_2 FROM "
        "pulse)) AS count, (SELECT count(*) AS count_1 FROM forecast WHERE forecast.decided_at IS NULL) AS "
        "more",
    ),
)

PAUSED_NOW = Statement(
    Text(
        "SELECT queue.name FROM queue WHERE queue.paused_at IS NOT NULL AND (queue.paused_until IS NULL OR "
        "queue.paused_until > ?)",
    ),
    Text(
        "SELECT queue.name FROM queue WHERE queue.paused_at IS NOT NULL AND (queue.paused_until IS NULL OR "
        "queue.paused_until > %s::BIGINT)",
    ),
)

CAME = Statement(
    Text(
        "SELECT anon_1.created_at / 1000000 AS second, anon_1.queue, anon_1.task, count(*) AS count_1, "
        "max(anon_1.id) AS max_1 FROM (SELECT job.id AS id, job.created_at AS created_at, job.queue AS queue, "
        "job.task AS task FROM job WHERE job.id > ? AND job.id <= ? ORDER BY job.id LIMIT ? + 0 OFFSET ?) AS "
        "anon_1 GROUP BY 1, anon_1.queue, anon_1.task",
        (0, 1, 2, 3),
        (0,),
    ),
    Text(
        "SELECT anon_1.created_at / 1000000 AS second, anon_1.queue, anon_1.task, count(*) AS count_1, "
        "max(anon_1.id) AS max_1 FROM (SELECT job.id AS id, job.created_at AS created_at, job.queue AS queue, "
        "job.task AS task FROM job WHERE job.id > %s::BIGINT AND job.id <= %s::BIGINT ORDER BY job.id LIMIT "
        "%s::INTEGER + 0) AS anon_1 GROUP BY 1, anon_1.queue, anon_1.task",
    ),
)

INSERT_PULSE = Statement(
    Text(
        "INSERT INTO pulse (at, width, samples, workers, slots, busy, memory, commit_time, commit_most, "
        "database_size, log_size, disk_free, completed, failed, unprocessable, canceled, counted_to) VALUES "
        "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ),
    Text(
        "INSERT INTO pulse (at, width, samples, workers, slots, busy, memory, commit_time, commit_most, "
        "database_size, log_size, disk_free, completed, failed, unprocessable, canceled, counted_to) VALUES "
        "(%s::BIGINT, %s::INTEGER, %s::INTEGER, %s::INTEGER, %s::INTEGER, %s::INTEGER, %s::BIGINT, "
        "%s::BIGINT, %s::BIGINT, %s::BIGINT, %s::BIGINT, %s::BIGINT, %s::BIGINT, %s::BIGINT, %s::BIGINT, "
        "%s::BIGINT, %s::BIGINT)",
    ),
    Text(
        "INSERT INTO pulse (at, width, samples, workers, slots, busy, memory, commit_time, commit_most, "
        "database_size, log_size, disk_free, completed, failed, unprocessable, canceled, counted_to) SELECT "
        "rows.at, rows.width, rows.samples, rows.workers, rows.slots, rows.busy, rows.memory, "
        "rows.commit_time, rows.commit_most, rows.database_size, rows.log_size, rows.disk_free, "
        "rows.completed, rows.failed, rows.unprocessable, rows.canceled, rows.counted_to FROM "
        "unnest(%s::BIGINT[], %s::INTEGER[], %s::INTEGER[], %s::INTEGER[], %s::INTEGER[], %s::INTEGER[], "
        "%s::BIGINT[], %s::BIGINT[], %s::BIGINT[], %s::BIGINT[], %s::BIGINT[], %s::BIGINT[], %s::BIGINT[], "
        "%s::BIGINT[], %s::BIGINT[], %s::BIGINT[], %s::BIGINT[]) AS rows(at, width, samples, workers, slots, "
        "busy, memory, commit_time, commit_most, database_size, log_size, disk_free, completed, failed, "
        "unprocessable, canceled, counted_to)",
    ),
)

INSERT_DEPTH = Statement(
    Text(
        "INSERT INTO depth (at, width, queue, pending, scheduled, retrying, processing, oldest) VALUES (?, ?, "
        "?, ?, ?, ?, ?, ?)",
    ),
    Text(
        "INSERT INTO depth (at, width, queue, pending, scheduled, retrying, processing, oldest) VALUES "
        '(%s::BIGINT, %s::INTEGER, %s::VARCHAR COLLATE "C", %s::INTEGER, %s::INTEGER, %s::INTEGER, '
        "%s::INTEGER, %s::BIGINT)",
    ),
    Text(
        "INSERT INTO depth (at, width, queue, pending, scheduled, retrying, processing, oldest) SELECT "
        "rows.at, rows.width, rows.queue, rows.pending, rows.scheduled, rows.retrying, rows.processing, "
        'rows.oldest FROM unnest(%s::BIGINT[], %s::INTEGER[], %s::TEXT[] COLLATE "C", %s::INTEGER[], '
        "%s::INTEGER[], %s::INTEGER[], %s::INTEGER[], %s::BIGINT[]) AS rows(at, width, queue, pending, "
        "scheduled, retrying, processing, oldest)",
    ),
)

OLDEST_PULSE = Statement(
    Text(
        "SELECT min(pulse.at) AS min_1 FROM pulse WHERE pulse.width = ?",
    ),
    Text(
        "SELECT min(pulse.at) AS min_1 FROM pulse WHERE pulse.width = %s::INTEGER",
    ),
)

PULSES = Statement(
    Text(
        "SELECT pulse.at, pulse.width, pulse.samples, pulse.workers, pulse.slots, pulse.busy, pulse.memory, "
        "pulse.commit_time, pulse.commit_most, pulse.database_size, pulse.log_size, pulse.disk_free, "
        "pulse.completed, pulse.failed, pulse.unprocessable, pulse.canceled, pulse.counted_to FROM pulse "
        "WHERE pulse.width = ? AND pulse.at >= ? AND pulse.at < ? ORDER BY pulse.at",
    ),
    Text(
        "SELECT pulse.at, pulse.width, pulse.samples, pulse.workers, pulse.slots, pulse.busy, pulse.memory, "
        "pulse.commit_time, pulse.commit_most, pulse.database_size, pulse.log_size, pulse.disk_free, "
        "pulse.completed, pulse.failed, pulse.unprocessable, pulse.canceled, pulse.counted_to FROM pulse "
        "WHERE pulse.width = %s::INTEGER AND pulse.at >= %s::BIGINT AND pulse.at < %s::BIGINT ORDER BY "
        "pulse.at",
    ),
)

DEPTHS = Statement(
    Text(
        "SELECT depth.at, depth.width, depth.queue, depth.pending, depth.scheduled, depth.retrying, "
        "depth.processing, depth.oldest FROM depth WHERE depth.width = ? AND depth.at >= ? AND depth.at < ?",
    ),
    Text(
        "SELECT depth.at, depth.width, depth.queue, depth.pending, depth.scheduled, depth.retrying, "
        "depth.processing, depth.oldest FROM depth WHERE depth.width = %s::INTEGER AND depth.at >= %s::BIGINT "
        "AND depth.at < %s::BIGINT",
    ),
)

DELETE_PULSES = Statement(
    Text(
        "DELETE FROM pulse WHERE pulse.width = ? AND pulse.at >= ? AND pulse.at < ?",
    ),
    Text(
        "DELETE FROM pulse WHERE pulse.width = %s::INTEGER AND pulse.at >= %s::BIGINT AND pulse.at < %s::BIGINT",
    ),
)

DELETE_DEPTHS = Statement(
    Text(
        "DELETE FROM depth WHERE depth.width = ? AND depth.at >= ? AND depth.at < ?",
    ),
    Text(
        "DELETE FROM depth WHERE depth.width = %s::INTEGER AND depth.at >= %s::BIGINT AND depth.at < %s::BIGINT",
    ),
)

PENDING_OF = Statement(
    Text(
        "SELECT depth.at, depth.queue, depth.pending FROM depth WHERE depth.width = 1 AND depth.at >= ?",
    ),
    Text(
        "SELECT depth.at, depth.queue, depth.pending FROM depth WHERE depth.width = 1 AND depth.at >= %s::BIGINT",
    ),
)

PULSE_TIMES = Statement(
    Text(
        "SELECT pulse.at FROM pulse WHERE pulse.width = 1 AND pulse.at >= ? ORDER BY pulse.at",
    ),
    Text(
        "SELECT pulse.at FROM pulse WHERE pulse.width = 1 AND pulse.at >= %s::BIGINT ORDER BY pulse.at",
    ),
)

INSERT_FORECAST = Statement(
    Text(
        "INSERT INTO forecast (at, queue, pending, earliest, likely, latest) VALUES (?, ?, ?, ?, ?, ?)",
    ),
    Text(
        "INSERT INTO forecast (at, queue, pending, earliest, likely, latest) VALUES (%s::BIGINT, %s::VARCHAR "
        'COLLATE "C", %s::INTEGER, %s::BIGINT, %s::BIGINT, %s::BIGINT)',
    ),
    Text(
        "INSERT INTO forecast (at, queue, pending, earliest, likely, latest) SELECT rows.at, rows.queue, "
        "rows.pending, rows.earliest, rows.likely, rows.latest FROM unnest(%s::BIGINT[], %s::TEXT[] COLLATE "
        '"C", %s::INTEGER[], %s::BIGINT[], %s::BIGINT[], %s::BIGINT[]) AS rows(at, queue, pending, earliest, '
        "likely, latest)",
    ),
)

OPEN_FORECASTS = Statement(
    Text(
        "SELECT forecast.id, forecast.at, forecast.queue, forecast.earliest, forecast.likely, forecast.latest "
        "FROM forecast WHERE forecast.decided_at IS NULL",
    ),
    Text(
        "SELECT forecast.id, forecast.at, forecast.queue, forecast.earliest, forecast.likely, forecast.latest "
        "FROM forecast WHERE forecast.decided_at IS NULL",
    ),
)

DECIDE_FORECAST = Statement(
    Text(
        "UPDATE forecast SET decided_at=?, hit=? WHERE forecast.id = ?",
    ),
    Text(
        "UPDATE forecast SET decided_at=%s::BIGINT, hit=%s::INTEGER WHERE forecast.id = %s::BIGINT",
    ),
)

FORGET_FORECASTS = Statement(
    Text(
        "DELETE FROM forecast WHERE forecast.decided_at < ?",
    ),
    Text(
        "DELETE FROM forecast WHERE forecast.decided_at < %s::BIGINT",
    ),
)

EXPIRED_IN = Statement(
    Text(
        "SELECT closed.job_id, closed.finished_at FROM closed JOIN job ON job.id = closed.job_id WHERE "
        "closed.state = ? AND closed.finished_at < ? AND (closed.finished_at, closed.job_id) > (?, ?) AND NOT "
        "(EXISTS (SELECT * FROM file_intent WHERE file_intent.job_id = closed.job_id)) AND NOT (EXISTS "
        "(SELECT * FROM dependency, dependent WHERE dependency.on_job_id = closed.job_id AND dependent.job_id "
        "= dependency.job_id AND dependent.released_at IS NULL)) AND job.queue IN (SELECT listed.value FROM "
        "json_each(?) AS listed) ORDER BY closed.finished_at, closed.job_id LIMIT ? + 0 OFFSET ?",
        (0, 1, 2, 3, 4, 5, 6),
        (0,),
    ),
    Text(
        "SELECT closed.job_id, closed.finished_at FROM closed JOIN job ON job.id = closed.job_id WHERE "
        'closed.state = %s::VARCHAR COLLATE "C" AND closed.finished_at < %s::BIGINT AND (closed.finished_at, '
        "closed.job_id) > (%s::BIGINT, %s::BIGINT) AND NOT (EXISTS (SELECT * FROM file_intent WHERE "
        "file_intent.job_id = closed.job_id)) AND NOT (EXISTS (SELECT * FROM dependency, dependent WHERE "
        "dependency.on_job_id = closed.job_id AND dependent.job_id = dependency.job_id AND "
        "dependent.released_at IS NULL)) AND job.queue = ANY (array((SELECT "
        'CAST(json_array_elements_text(CAST(%s::VARCHAR AS JSON)) AS TEXT) COLLATE "C" AS '
        "json_array_elements_text_1))) ORDER BY closed.finished_at, closed.job_id LIMIT %s::INTEGER + 0",
    ),
)

EXPIRED = Statement(
    Text(
        "SELECT closed.job_id, closed.finished_at FROM closed JOIN job ON job.id = closed.job_id WHERE "
        "closed.state = ? AND closed.finished_at < ? AND (closed.finished_at, closed.job_id) > (?, ?) AND NOT "
        "(EXISTS (SELECT * FROM file_intent WHERE file_intent.job_id = closed.job_id)) AND NOT (EXISTS "
        "(SELECT * FROM dependency, dependent WHERE dependency.on_job_id = closed.job_id AND dependent.job_id "
        "= dependency.job_id AND dependent.released_at IS NULL)) AND (job.queue NOT IN (SELECT listed.value "
        "FROM json_each(?) AS listed)) ORDER BY closed.finished_at, closed.job_id LIMIT ? + 0 OFFSET ?",
        (0, 1, 2, 3, 4, 5, 6),
        (0,),
    ),
    Text(
        "SELECT closed.job_id, closed.finished_at FROM closed JOIN job ON job.id = closed.job_id WHERE "
        'closed.state = %s::VARCHAR COLLATE "C" AND closed.finished_at < %s::BIGINT AND (closed.finished_at, '
        "closed.job_id) > (%s::BIGINT, %s::BIGINT) AND NOT (EXISTS (SELECT * FROM file_intent WHERE "
        "file_intent.job_id = closed.job_id)) AND NOT (EXISTS (SELECT * FROM dependency, dependent WHERE "
        "dependency.on_job_id = closed.job_id AND dependent.job_id = dependency.job_id AND "
        "dependent.released_at IS NULL)) AND NOT (job.queue = ANY (array((SELECT "
        'CAST(json_array_elements_text(CAST(%s::VARCHAR AS JSON)) AS TEXT) COLLATE "C" AS '
        "json_array_elements_text_1)))) ORDER BY closed.finished_at, closed.job_id LIMIT %s::INTEGER + 0",
    ),
)

DELETE_ENDED = Statement(
    Text(
        "DELETE FROM closed WHERE closed.job_id = ? AND closed.state = ? AND closed.finished_at = ?",
    ),
    Text(
        'DELETE FROM closed WHERE closed.job_id = %s::BIGINT AND closed.state = %s::VARCHAR COLLATE "C" AND '
        "closed.finished_at = %s::BIGINT",
    ),
    Text(
        "DELETE FROM closed WHERE closed.job_id = ANY (%s::BIGINT[]) AND closed.state = (%s::TEXT[] COLLATE "
        '"C")[width_bucket(closed.job_id, %s::BIGINT[])] AND closed.finished_at = '
        "(%s::BIGINT[])[width_bucket(closed.job_id, %s::BIGINT[])]",
        (0, 1, 0, 2, 0),
        (),
    ),
)

JOBS_OF = Statement(
    Text(
        "SELECT job.id, job.queue, job.task, job.args, job.priority, job.max_retries, job.backoff, "
        "job.timeout, job.unique_key, job.limit_key, job.created_at FROM job WHERE job.id IN (SELECT "
        "listed.value FROM json_each(?) AS listed) ORDER BY job.id",
    ),
    Text(
        "SELECT job.id, job.queue, job.task, CAST(job.args AS TEXT) AS args, job.priority, job.max_retries, "
        "job.backoff, job.timeout, job.unique_key, job.limit_key, job.created_at FROM job WHERE job.id = ANY "
        "(array((SELECT CAST(json_array_elements_text(CAST(%s::VARCHAR AS JSON)) AS BIGINT) AS "
        "json_array_elements_text_1))) ORDER BY job.id",
    ),
)

CLOSED_OF = Statement(
    Text(
        "SELECT closed.job_id, closed.state, closed.finished_at, closed.attempt, closed.retries, "
        "closed.crashes, closed.result, closed.error FROM closed WHERE closed.job_id IN (SELECT listed.value "
        "FROM json_each(?) AS listed) ORDER BY closed.job_id",
    ),
    Text(
        "SELECT closed.job_id, closed.state, closed.finished_at, closed.attempt, closed.retries, "
        "closed.crashes, CAST(closed.result AS TEXT) AS result, closed.error FROM closed WHERE closed.job_id "
        "= ANY (array((SELECT CAST(json_array_elements_text(CAST(%s::VARCHAR AS JSON)) AS BIGINT) AS "
        "json_array_elements_text_1))) ORDER BY closed.job_id",
    ),
)

RUNS_OF = Statement(
    Text(
        "SELECT attempt.job_id, attempt.attempt, attempt.worker_id, attempt.claimed_at, attempt.started_at, "
        "attempt.ended_at, attempt.outcome, attempt.error, attempt.next_at FROM attempt WHERE attempt.job_id "
        "IN (SELECT listed.value FROM json_each(?) AS listed) ORDER BY attempt.job_id, attempt.attempt",
    ),
    Text(
        "SELECT attempt.job_id, attempt.attempt, attempt.worker_id, attempt.claimed_at, attempt.started_at, "
        "attempt.ended_at, attempt.outcome, attempt.error, attempt.next_at FROM attempt WHERE attempt.job_id "
        "= ANY (array((SELECT CAST(json_array_elements_text(CAST(%s::VARCHAR AS JSON)) AS BIGINT) AS "
        "json_array_elements_text_1))) ORDER BY attempt.job_id, attempt.attempt",
    ),
)

ACTIONS_OF = Statement(
    Text(
        "SELECT action.id, action.at, action.who, action.verb, action.job_id, action.reason, action.detail, "
        "action.place, action.checksum FROM action WHERE action.job_id IN (SELECT listed.value FROM "
        "json_each(?) AS listed) ORDER BY action.job_id, action.id",
    ),
    Text(
        "SELECT action.id, action.at, action.who, action.verb, action.job_id, action.reason, action.detail, "
        "action.place, action.checksum FROM action WHERE action.job_id = ANY (array((SELECT "
        "CAST(json_array_elements_text(CAST(%s::VARCHAR AS JSON)) AS BIGINT) AS json_array_elements_text_1))) "
        "ORDER BY action.job_id, action.id",
    ),
)

LINES_OF = Statement(
    Text(
        "SELECT job_log.id, job_log.job_id, job_log.attempt, job_log.at, job_log.line FROM job_log WHERE "
        "job_log.job_id IN (SELECT listed.value FROM json_each(?) AS listed) ORDER BY job_log.job_id, "
        "job_log.id",
    ),
    Text(
        "SELECT job_log.id, job_log.job_id, job_log.attempt, job_log.at, job_log.line FROM job_log WHERE "
        "job_log.job_id = ANY (array((SELECT CAST(json_array_elements_text(CAST(%s::VARCHAR AS JSON)) AS "
        "BIGINT) AS json_array_elements_text_1))) ORDER BY job_log.job_id, job_log.id",
    ),
)

LIVES_OF = Statement(
    Text(
        "SELECT worker.id, worker.name, worker.host, worker.pid, worker.process_start, worker.pid_space, "
        "worker.boot_id, worker.beat, worker.slots, worker.queues, worker.version, worker.started_at, "
        "worker.heartbeat_at, worker.memory, worker.stopping_at, worker.ended_at, worker.end_reason, "
        "worker.machine_at FROM worker WHERE worker.id IN (SELECT listed.value FROM json_each(?) AS listed) "
        "ORDER BY worker.id",
    ),
    Text(
        "SELECT worker.id, worker.name, worker.host, worker.pid, worker.process_start, worker.pid_space, "
        "worker.boot_id, worker.beat, worker.slots, worker.queues, worker.version, worker.started_at, "
        "worker.heartbeat_at, worker.memory, worker.stopping_at, worker.ended_at, worker.end_reason, "
        "worker.machine_at FROM worker WHERE worker.id = ANY (array((SELECT "
        "CAST(json_array_elements_text(CAST(%s::VARCHAR AS JSON)) AS BIGINT) AS json_array_elements_text_1))) "
        "ORDER BY worker.id",
    ),
)

PAUSES = Statement(
    Text(
        "SELECT action.at, action.verb, action.detail FROM action WHERE action.verb = ? OR action.verb = ? OR "
        "action.verb = ? ORDER BY action.id",
        (0, 1, 2),
        ("pause", "resume", "delete_queue"),
    ),
    Text(
        'SELECT action.at, action.verb, action.detail FROM action WHERE action.verb = %s::VARCHAR COLLATE "C" '
        'OR action.verb = %s::VARCHAR COLLATE "C" OR action.verb = %s::VARCHAR COLLATE "C" ORDER BY action.id',
        (0, 1, 2),
        ("pause", "resume", "delete_queue"),
    ),
)

INSERT_SEAL = Statement(
    Text(
        "INSERT INTO seal (at, who, jobs, runs, ids, states, facts, file, start, size, digest, previous, "
        "checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    ),
    Text(
        "INSERT INTO seal (at, who, jobs, runs, ids, states, facts, file, start, size, digest, previous, "
        'checksum) VALUES (%s::BIGINT, %s::VARCHAR COLLATE "C", %s::INTEGER, %s::INTEGER, %s::VARCHAR COLLATE '
        '"C", %s::VARCHAR COLLATE "C", %s::VARCHAR COLLATE "C", %s::VARCHAR COLLATE "C", %s::BIGINT, '
        '%s::BIGINT, %s::VARCHAR COLLATE "C", %s::VARCHAR COLLATE "C", %s::VARCHAR COLLATE "C") ON CONFLICT '
        "DO NOTHING",
    ),
    Text(
        "INSERT INTO seal (at, who, jobs, runs, ids, states, facts, file, start, size, digest, previous, "
        "checksum) SELECT rows.at, rows.who, rows.jobs, rows.runs, rows.ids, rows.states, rows.facts, "
        "rows.file, rows.start, rows.size, rows.digest, rows.previous, rows.checksum FROM "
        'unnest(%s::BIGINT[], %s::TEXT[] COLLATE "C", %s::INTEGER[], %s::INTEGER[], %s::TEXT[] COLLATE "C", '
        '%s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE "C", %s::BIGINT[], %s::BIGINT[], '
        '%s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE "C") AS rows(at, who, jobs, runs, '
        "ids, states, facts, file, start, size, digest, previous, checksum) ON CONFLICT DO NOTHING",
    ),
)

LAST_SEAL = Statement(
    Text(
        "SELECT seal.checksum FROM seal ORDER BY seal.id DESC LIMIT 1 OFFSET ?",
        (0,),
        (0,),
    ),
    Text(
        "SELECT seal.checksum FROM seal ORDER BY seal.id DESC LIMIT 1",
    ),
)

QUEUES_WITH_KEEPS = Statement(
    Text(
        "SELECT queue.name, queue.keep_completed, queue.keep_dead FROM queue WHERE queue.keep_completed IS "
        "NOT NULL OR queue.keep_dead IS NOT NULL",
    ),
    Text(
        "SELECT queue.name, queue.keep_completed, queue.keep_dead FROM queue WHERE queue.keep_completed IS "
        "NOT NULL OR queue.keep_dead IS NOT NULL",
    ),
)

FORGET_REFUSALS = Statement(
    Text(
        "DELETE FROM refusal WHERE refusal.at < ?",
    ),
    Text(
        "DELETE FROM refusal WHERE refusal.at < %s::BIGINT",
    ),
)

FORGET_WORKERS = Statement(
    Text(
        "DELETE FROM worker WHERE worker.ended_at < ?",
    ),
    Text(
        "DELETE FROM worker WHERE worker.ended_at < %s::BIGINT",
    ),
)

INSERT_ACTION = Statement(
    Text(
        "INSERT INTO action (at, who, verb, job_id, reason, detail) VALUES (?, ?, ?, ?, ?, ?)",
    ),
    Text(
        "INSERT INTO action (at, who, verb, job_id, reason, detail) VALUES (%s::BIGINT, %s::VARCHAR COLLATE "
        '"C", %s::VARCHAR COLLATE "C", %s::BIGINT, %s::VARCHAR COLLATE "C", %s::VARCHAR COLLATE "C")',
    ),
    Text(
        "INSERT INTO action (at, who, verb, job_id, reason, detail) SELECT rows.at, rows.who, rows.verb, "
        'rows.job_id, rows.reason, rows.detail FROM unnest(%s::BIGINT[], %s::TEXT[] COLLATE "C", %s::TEXT[] '
        'COLLATE "C", %s::BIGINT[], %s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE "C") AS rows(at, who, verb, '
        "job_id, reason, detail)",
    ),
)

REPLACED_BY = Statement(
    Text(
        "SELECT action.id FROM action WHERE action.job_id = ? AND action.who = ? AND action.verb = ?",
        (0, 1, 2),
        ("replace",),
    ),
    Text(
        "SELECT action.id FROM action WHERE action.job_id = %s::BIGINT AND action.who = %s::VARCHAR COLLATE "
        '"C" AND action.verb = %s::VARCHAR',
        (0, 1, 2),
        ("replace",),
    ),
)

INSERT_TRAIL = Statement(
    Text(
        "INSERT INTO trail (name, actions, checksum, since) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
    ),
    Text(
        'INSERT INTO trail (name, actions, checksum, since) VALUES (%s::VARCHAR COLLATE "C", %s::BIGINT, '
        '%s::VARCHAR COLLATE "C", %s::BIGINT) ON CONFLICT DO NOTHING',
    ),
    Text(
        "INSERT INTO trail (name, actions, checksum, since) SELECT rows.name, rows.actions, rows.checksum, "
        'rows.since FROM unnest(%s::TEXT[] COLLATE "C", %s::BIGINT[], %s::TEXT[] COLLATE "C", %s::BIGINT[]) '
        "AS rows(name, actions, checksum, since) ON CONFLICT DO NOTHING",
    ),
)

TRAIL_LOCKED = Statement(
    Text(
        "SELECT trail.actions, trail.checksum, trail.since FROM trail WHERE trail.name = ?",
    ),
    Text(
        "SELECT trail.actions, trail.checksum, trail.since FROM trail WHERE trail.name = %s::VARCHAR COLLATE "
        '"C" FOR UPDATE',
    ),
)

UNSEALED = Statement(
    Text(
        "SELECT action.id, action.at, action.who, action.verb, action.job_id, action.reason, action.detail "
        "FROM action WHERE action.place IS NULL AND action.id > ? ORDER BY action.id",
    ),
    Text(
        "SELECT action.id, action.at, action.who, action.verb, action.job_id, action.reason, action.detail "
        "FROM action WHERE action.place IS NULL AND action.id > %s::BIGINT ORDER BY action.id",
    ),
)

SEAL_ACTION = Statement(
    Text(
        "UPDATE action SET place=?, checksum=? WHERE action.id = ?",
    ),
    Text(
        'UPDATE action SET place=%s::BIGINT, checksum=%s::VARCHAR COLLATE "C" WHERE action.id = %s::BIGINT',
    ),
)

SET_TRAIL = Statement(
    Text(
        "UPDATE trail SET actions=?, checksum=? WHERE trail.name = ?",
    ),
    Text(
        'UPDATE trail SET actions=%s::BIGINT, checksum=%s::VARCHAR COLLATE "C" WHERE trail.name = %s::VARCHAR '
        'COLLATE "C"',
    ),
)

ACTIONS_SINCE = Statement(
    Text(
        "SELECT action.id, action.who, action.verb, action.job_id, action.reason, action.detail FROM action "
        "WHERE action.id > ? ORDER BY action.id LIMIT ? + 0 OFFSET ?",
        (0, 1, 2),
        (0,),
    ),
    Text(
        "SELECT action.id, action.who, action.verb, action.job_id, action.reason, action.detail FROM action "
        "WHERE action.id > %s::BIGINT ORDER BY action.id LIMIT %s::INTEGER + 0",
    ),
)

PLACES_OF = Statement(
    Text(
        "SELECT job.id, job.queue, job.priority, CASE WHEN (ready.job_id IS NOT NULL) THEN ? WHEN "
        "(lease.job_id IS NOT NULL) THEN ? ELSE coalesce(delayed.state, closed.state) END AS state, "
        "coalesce(ready.attempt, lease.attempt, delayed.attempt, closed.attempt) AS coalesce_1, "
        "coalesce(ready.retries, lease.retries, delayed.retries, closed.retries) AS coalesce_2, "
        "coalesce(ready.crashes, lease.crashes, delayed.crashes, closed.crashes) AS coalesce_3, "
        "delayed.due_at, job.unique_key, coalesce(ready.assigned_to, delayed.assigned_to) AS coalesce_4 FROM "
        "job LEFT OUTER JOIN ready ON ready.queue = job.queue AND ready.priority = job.priority AND "
        "ready.job_id = job.id LEFT OUTER JOIN lease ON lease.job_id = job.id LEFT OUTER JOIN delayed ON "
        "delayed.job_id = job.id LEFT OUTER JOIN closed ON closed.job_id = job.id WHERE job.id = ?",
        (1, 2, 0),
        ("pending", "processing"),
    ),
    Text(
        "SELECT job.id, job.queue, job.priority, CASE WHEN (ready.job_id IS NOT NULL) THEN %s::VARCHAR WHEN "
        "(lease.job_id IS NOT NULL) THEN %s::VARCHAR ELSE coalesce(delayed.state, closed.state) END AS state, "
        "coalesce(ready.attempt, lease.attempt, delayed.attempt, closed.attempt) AS coalesce_1, "
        "coalesce(ready.retries, lease.retries, delayed.retries, closed.retries) AS coalesce_2, "
        "coalesce(ready.crashes, lease.crashes, delayed.crashes, closed.crashes) AS coalesce_3, "
        "delayed.due_at, job.unique_key, coalesce(ready.assigned_to, delayed.assigned_to) AS coalesce_4 FROM "
        "job LEFT OUTER JOIN ready ON ready.queue = job.queue AND ready.priority = job.priority AND "
        "ready.job_id = job.id LEFT OUTER JOIN lease ON lease.job_id = job.id LEFT OUTER JOIN delayed ON "
        "delayed.job_id = job.id LEFT OUTER JOIN closed ON closed.job_id = job.id WHERE job.id = %s::BIGINT",
        (1, 2, 0),
        ("pending", "processing"),
    ),
)

DELETE_CLOSED = Statement(
    Text(
        "DELETE FROM closed WHERE closed.job_id = ?",
    ),
    Text(
        "DELETE FROM closed WHERE closed.job_id = %s::BIGINT",
    ),
    Text(
        "DELETE FROM closed WHERE closed.job_id = ANY (%s::BIGINT[])",
    ),
)

DELETE_JOB = Statement(
    Text(
        "DELETE FROM job WHERE job.id = ?",
    ),
    Text(
        "DELETE FROM job WHERE job.id = %s::BIGINT",
    ),
    Text(
        "DELETE FROM job WHERE job.id = ANY (%s::BIGINT[])",
    ),
)

ASK_CANCEL = Statement(
    Text(
        "UPDATE lease SET cancel_requested_at=? WHERE lease.job_id = ? AND lease.cancel_requested_at IS NULL",
    ),
    Text(
        "UPDATE lease SET cancel_requested_at=%s::BIGINT WHERE lease.job_id = %s::BIGINT AND "
        "lease.cancel_requested_at IS NULL",
    ),
)

ASSIGN = Statement(
    Text(
        "UPDATE ready SET assigned_to=? WHERE ready.queue = ? AND ready.priority = ? AND ready.job_id = ?",
    ),
    Text(
        'UPDATE ready SET assigned_to=%s::VARCHAR COLLATE "C" WHERE ready.queue = %s::VARCHAR COLLATE "C" AND '
        "ready.priority = %s::INTEGER AND ready.job_id = %s::BIGINT",
    ),
)

SET_READY_PRIORITY = Statement(
    Text(
        "UPDATE ready SET priority=? WHERE ready.queue = ? AND ready.priority = ? AND ready.job_id = ?",
    ),
    Text(
        'UPDATE ready SET priority=%s::INTEGER WHERE ready.queue = %s::VARCHAR COLLATE "C" AND ready.priority '
        "= %s::INTEGER AND ready.job_id = %s::BIGINT",
    ),
)

SET_JOB_PRIORITY = Statement(
    Text(
        "UPDATE job SET priority=? WHERE job.id = ?",
    ),
    Text(
        "UPDATE job SET priority=%s::INTEGER WHERE job.id = %s::BIGINT",
    ),
)

TAKE_DELAYED = Statement(
    Text(
        "DELETE FROM delayed WHERE delayed.due_at = ? AND delayed.job_id = ? RETURNING due_at, job_id, state, "
        "attempt, retries, crashes, error, assigned_to",
    ),
    Text(
        "DELETE FROM delayed WHERE delayed.due_at = %s::BIGINT AND delayed.job_id = %s::BIGINT RETURNING "
        "delayed.due_at, delayed.job_id, delayed.state, delayed.attempt, delayed.retries, delayed.crashes, "
        "delayed.error, delayed.assigned_to",
    ),
)

AS_ASKED = Statement(
    Text(
        "SELECT job.task, job.queue, job.priority, job.max_retries, job.backoff, job.timeout, job.unique_key, "
        "job.limit_key, job.args FROM job WHERE job.id = ?",
    ),
    Text(
        "SELECT job.task, job.queue, job.priority, job.max_retries, job.backoff, job.timeout, job.unique_key, "
        "job.limit_key, CAST(job.args AS TEXT) AS args FROM job WHERE job.id = %s::BIGINT",
    ),
)

PAUSE = Statement(
    Text(
        "UPDATE queue SET paused_at=?, paused_until=?, paused_by=?, pause_reason=? WHERE queue.name = ?",
    ),
    Text(
        'UPDATE queue SET paused_at=%s::BIGINT, paused_until=%s::BIGINT, paused_by=%s::VARCHAR COLLATE "C", '
        'pause_reason=%s::VARCHAR COLLATE "C" WHERE queue.name = %s::VARCHAR COLLATE "C"',
    ),
)

QUEUE_SETTINGS = Statement(
    Text(
        "SELECT queue.concurrency, queue.key_concurrency, queue.rate, queue.rate_per, queue.rate_burst, "
        "queue.ageing, queue.max_retries, queue.backoff, queue.keep_completed, queue.keep_dead FROM queue "
        "WHERE queue.name = ?",
    ),
    Text(
        "SELECT queue.concurrency, queue.key_concurrency, queue.rate, queue.rate_per, queue.rate_burst, "
        "queue.ageing, queue.max_retries, queue.backoff, queue.keep_completed, queue.keep_dead FROM queue "
        'WHERE queue.name = %s::VARCHAR COLLATE "C" FOR UPDATE',
    ),
)

SET_QUEUE = Statement(
    Text(
        "UPDATE queue SET limited=?, concurrency=?, key_concurrency=?, rate=?, rate_per=?, rate_burst=?, "
        "rate_at=NULL, ageing=?, max_retries=?, backoff=?, keep_completed=?, keep_dead=? WHERE queue.name = ?",
    ),
    Text(
        "UPDATE queue SET limited=%s::INTEGER, concurrency=%s::INTEGER, key_concurrency=%s::INTEGER, "
        "rate=%s::INTEGER, rate_per=%s, rate_burst=%s::INTEGER, rate_at=NULL, ageing=%s, "
        'max_retries=%s::INTEGER, backoff=%s::VARCHAR COLLATE "C", keep_completed=%s, keep_dead=%s WHERE '
        'queue.name = %s::VARCHAR COLLATE "C"',
    ),
)

WAITING_IN_QUEUE = Statement(
    Text(
        "SELECT (SELECT count(*) AS count_1 FROM ready WHERE ready.queue = ?) + (SELECT count(*) AS count_2 "
        "FROM delayed JOIN job ON job.id = delayed.job_id WHERE job.queue = ?) + (SELECT count(*) AS count_3 "
        "FROM lease JOIN job ON job.id = lease.job_id WHERE job.queue = ?) AS anon_1",
        (0, 0, 0),
        (),
    ),
    Text(
        'SELECT (SELECT count(*) AS count_1 FROM ready WHERE ready.queue = %s::VARCHAR COLLATE "C") + (SELECT '
        "count(*) AS count_2 FROM delayed JOIN job ON job.id = delayed.job_id WHERE job.queue = %s::VARCHAR "
        'COLLATE "C") + (SELECT count(*) AS count_3 FROM lease JOIN job ON job.id = lease.job_id WHERE '
        'job.queue = %s::VARCHAR COLLATE "C") AS anon_1',
        (0, 0, 0),
        (),
    ),
)

DELETE_QUEUE = Statement(
    Text(
        "DELETE FROM queue WHERE queue.name = ?",
    ),
    Text(
        'DELETE FROM queue WHERE queue.name = %s::VARCHAR COLLATE "C"',
    ),
    Text(
        'DELETE FROM queue WHERE queue.name = ANY (%s::TEXT[] COLLATE "C")',
    ),
)

RESULT_OF = Statement(
    Text(
        "SELECT closed.state, closed.result, closed.error, EXISTS (SELECT * FROM file_intent WHERE "
        "file_intent.job_id = closed.job_id) AS files_pending FROM closed WHERE closed.job_id = ?",
    ),
    Text(
        "SELECT closed.state, CAST(closed.result AS TEXT) AS result, closed.error, EXISTS (SELECT * FROM "
        "file_intent WHERE file_intent.job_id = closed.job_id) AS files_pending FROM closed WHERE "
        "closed.job_id = %s::BIGINT",
    ),
)

HAS_INTENT = Statement(
    Text(
        "SELECT file_intent.job_id FROM file_intent WHERE file_intent.job_id = ?",
    ),
    Text(
        "SELECT file_intent.job_id FROM file_intent WHERE file_intent.job_id = %s::BIGINT",
    ),
)

JOB_EXISTS = Statement(
    Text(
        "SELECT job.id FROM job WHERE job.id = ?",
    ),
    Text(
        "SELECT job.id FROM job WHERE job.id = %s::BIGINT",
    ),
)

INSERT_REDRIVE = Statement(
    Text(
        "INSERT INTO redrive (at, who, reason, wanted, state, canary, most, tolerance, step, jobs) VALUES (?, "
        "?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
    ),
    Text(
        "INSERT INTO redrive (at, who, reason, wanted, state, canary, most, tolerance, step, jobs) VALUES "
        '(%s::BIGINT, %s::VARCHAR COLLATE "C", %s::VARCHAR COLLATE "C", %s::VARCHAR COLLATE "C", %s::VARCHAR '
        'COLLATE "C", %s::INTEGER, %s::INTEGER, %s, %s::INTEGER, %s::INTEGER) RETURNING redrive.id',
    ),
)

FREEZE_JOB = Statement(
    Text(
        "INSERT INTO redrive_job (redrive_id, job_id, frozen_as, state) VALUES (?, ?, ?, ?)",
    ),
    Text(
        "INSERT INTO redrive_job (redrive_id, job_id, frozen_as, state) VALUES (%s::BIGINT, %s::BIGINT, "
        '%s::VARCHAR COLLATE "C", %s::VARCHAR COLLATE "C")',
    ),
    Text(
        "INSERT INTO redrive_job (redrive_id, job_id, frozen_as, state) SELECT rows.redrive_id, rows.job_id, "
        'rows.frozen_as, rows.state FROM unnest(%s::BIGINT[], %s::BIGINT[], %s::TEXT[] COLLATE "C", '
        '%s::TEXT[] COLLATE "C") AS rows(redrive_id, job_id, frozen_as, state)',
    ),
)

RUNNING_REDRIVES = Statement(
    Text(
        "SELECT redrive.id, redrive.who, redrive.reason, redrive.state, redrive.canary, redrive.most, "
        "redrive.tolerance, redrive.step FROM redrive WHERE redrive.state = 'running' ORDER BY redrive.id",
    ),
    Text(
        "SELECT redrive.id, redrive.who, redrive.reason, redrive.state, redrive.canary, redrive.most, "
        "redrive.tolerance, redrive.step FROM redrive WHERE redrive.state = 'running' ORDER BY redrive.id",
    ),
)

LOCK_REDRIVE = Statement(
    Text(
        "SELECT redrive.id, redrive.who, redrive.reason, redrive.state, redrive.canary, redrive.most, "
        "redrive.tolerance, redrive.step FROM redrive WHERE redrive.id = ?",
    ),
    Text(
        "SELECT redrive.id, redrive.who, redrive.reason, redrive.state, redrive.canary, redrive.most, "
        "redrive.tolerance, redrive.step FROM redrive WHERE redrive.id = %s::BIGINT FOR UPDATE",
    ),
)

SET_REDRIVE = Statement(
    Text(
        "UPDATE redrive SET state=?, note=?, ended_at=? WHERE redrive.id = ?",
    ),
    Text(
        'UPDATE redrive SET state=%s::VARCHAR COLLATE "C", note=%s::VARCHAR COLLATE "C", ended_at=%s::BIGINT '
        "WHERE redrive.id = %s::BIGINT",
    ),
)

SET_STEP = Statement(
    Text(
        "UPDATE redrive SET step=? WHERE redrive.id = ?",
    ),
    Text(
        "UPDATE redrive SET step=%s::INTEGER WHERE redrive.id = %s::BIGINT",
    ),
)

TALLY_REDRIVE = Statement(
    Text(
        "SELECT redrive_job.state, count(*) AS count_1 FROM redrive_job WHERE redrive_job.redrive_id = ? "
        "GROUP BY redrive_job.state",
    ),
    Text(
        "SELECT redrive_job.state, count(*) AS count_1 FROM redrive_job WHERE redrive_job.redrive_id = "
        "%s::BIGINT GROUP BY redrive_job.state",
    ),
)

JOBS_OF_REDRIVE = Statement(
    Text(
        "SELECT redrive_job.job_id, redrive_job.frozen_as, redrive_job.was FROM redrive_job WHERE "
        "redrive_job.redrive_id = ? AND redrive_job.state = ? AND redrive_job.job_id > ? ORDER BY "
        "redrive_job.job_id LIMIT ? + 0 OFFSET ?",
        (0, 1, 2, 3, 4),
        (0,),
    ),
    Text(
        "SELECT redrive_job.job_id, redrive_job.frozen_as, redrive_job.was FROM redrive_job WHERE "
        'redrive_job.redrive_id = %s::BIGINT AND redrive_job.state = %s::VARCHAR COLLATE "C" AND '
        "redrive_job.job_id > %s::BIGINT ORDER BY redrive_job.job_id LIMIT %s::INTEGER + 0",
    ),
)

SET_FATE = Statement(
    Text(
        "UPDATE redrive_job SET state=?, was=?, note=? WHERE redrive_job.redrive_id = ? AND redrive_job.job_id = ?",
    ),
    Text(
        'UPDATE redrive_job SET state=%s::VARCHAR COLLATE "C", was=%s::VARCHAR COLLATE "C", note=%s::VARCHAR '
        'COLLATE "C" WHERE redrive_job.redrive_id = %s::BIGINT AND redrive_job.job_id = %s::BIGINT',
    ),
)

HOW_IT_ENDED = Statement(
    Text(
        "SELECT closed.state, closed.finished_at, closed.attempt, closed.retries, closed.crashes, "
        "closed.result, closed.error FROM closed WHERE closed.job_id = ?",
    ),
    Text(
        "SELECT closed.state, closed.finished_at, closed.attempt, closed.retries, closed.crashes, "
        "CAST(closed.result AS TEXT) AS result, closed.error FROM closed WHERE closed.job_id = %s::BIGINT",
    ),
)

JUDGE_AGAIN = Statement(
    Text(
        "UPDATE redrive_job SET state='again', was=NULL WHERE redrive_job.redrive_id = ? AND "
        "redrive_job.state = 'sent' AND ((EXISTS (SELECT * FROM closed WHERE closed.job_id = "
        "redrive_job.job_id AND closed.state IN ('failed', 'unprocessable'))) OR (EXISTS (SELECT * FROM "
        "delayed WHERE delayed.job_id = redrive_job.job_id AND delayed.state = 'retrying')))",
    ),
    Text(
        "UPDATE redrive_job SET state='again', was=NULL WHERE redrive_job.redrive_id = %s::BIGINT AND "
        "redrive_job.state = 'sent' AND ((EXISTS (SELECT * FROM closed WHERE closed.job_id = "
        "redrive_job.job_id AND closed.state IN ('failed', 'unprocessable'))) OR (EXISTS (SELECT * FROM "
        "delayed WHERE delayed.job_id = redrive_job.job_id AND delayed.state = 'retrying')))",
    ),
)

JUDGE_WELL = Statement(
    Text(
        "UPDATE redrive_job SET state='well', was=NULL WHERE redrive_job.redrive_id = ? AND redrive_job.state "
        "= 'sent' AND ((EXISTS (SELECT * FROM closed WHERE closed.job_id = redrive_job.job_id AND "
        "(closed.state NOT IN ('failed', 'unprocessable')))) OR NOT (EXISTS (SELECT * FROM job WHERE job.id = "
        "redrive_job.job_id)))",
    ),
    Text(
        "UPDATE redrive_job SET state='well', was=NULL WHERE redrive_job.redrive_id = %s::BIGINT AND "
        "redrive_job.state = 'sent' AND ((EXISTS (SELECT * FROM closed WHERE closed.job_id = "
        "redrive_job.job_id AND (closed.state NOT IN ('failed', 'unprocessable')))) OR NOT (EXISTS (SELECT * "
        "FROM job WHERE job.id = redrive_job.job_id)))",
    ),
)

INSERT_SCHEDULE = Statement(
    Text(
        "INSERT INTO schedule (name, task, args, queue, priority, max_retries, backoff, timeout, cron, every, "
        "at, zone, anchor, missed, missed_cap, overlap, next_at, version, created_at, paused_at, paused_by, "
        "pause_reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT "
        "DO NOTHING",
    ),
    Text(
        "INSERT INTO schedule (name, task, args, queue, priority, max_retries, backoff, timeout, cron, every, "
        "at, zone, anchor, missed, missed_cap, overlap, next_at, version, created_at, paused_at, paused_by, "
        'pause_reason) VALUES (%s::VARCHAR COLLATE "C", %s::VARCHAR COLLATE "C", %s::VARCHAR COLLATE "C", '
        '%s::VARCHAR COLLATE "C", %s::INTEGER, %s::INTEGER, %s::VARCHAR COLLATE "C", %s, %s::VARCHAR COLLATE '
        '"C", %s, %s::BIGINT, %s::VARCHAR COLLATE "C", %s::BIGINT, %s::VARCHAR COLLATE "C", %s::INTEGER, '
        '%s::VARCHAR COLLATE "C", %s::BIGINT, %s::INTEGER, %s::BIGINT, %s::BIGINT, %s::VARCHAR COLLATE "C", '
        '%s::VARCHAR COLLATE "C") ON CONFLICT DO NOTHING',
    ),
    Text(
        "INSERT INTO schedule (name, task, args, queue, priority, max_retries, backoff, timeout, cron, every, "
        "at, zone, anchor, missed, missed_cap, overlap, next_at, version, created_at, paused_at, paused_by, "
        "pause_reason) SELECT rows.name, rows.task, rows.args, rows.queue, rows.priority, rows.max_retries, "
        "rows.backoff, rows.timeout, rows.cron, rows.every, rows.at, rows.zone, rows.anchor, rows.missed, "
        "rows.missed_cap, rows.overlap, rows.next_at, rows.version, rows.created_at, rows.paused_at, "
        'rows.paused_by, rows.pause_reason FROM unnest(%s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE "C", '
        '%s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE "C", %s::INTEGER[], %s::INTEGER[], %s::TEXT[] COLLATE '
        '"C", %s::FLOAT[], %s::TEXT[] COLLATE "C", %s::FLOAT[], %s::BIGINT[], %s::TEXT[] COLLATE "C", '
        '%s::BIGINT[], %s::TEXT[] COLLATE "C", %s::INTEGER[], %s::TEXT[] COLLATE "C", %s::BIGINT[], '
        '%s::INTEGER[], %s::BIGINT[], %s::BIGINT[], %s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE "C") AS '
        "rows(name, task, args, queue, priority, max_retries, backoff, timeout, cron, every, at, zone, "
        "anchor, missed, missed_cap, overlap, next_at, version, created_at, paused_at, paused_by, "
        "pause_reason) ON CONFLICT DO NOTHING",
    ),
)

UPDATE_SCHEDULE = Statement(
    Text(
        "UPDATE schedule SET task=?, args=?, queue=?, priority=?, max_retries=?, backoff=?, timeout=?, "
        "cron=?, every=?, at=?, zone=?, anchor=?, missed=?, missed_cap=?, overlap=?, next_at=?, version=?, "
        "paused_at=?, paused_by=?, pause_reason=? WHERE schedule.name = ?",
    ),
    Text(
        'UPDATE schedule SET task=%s::VARCHAR COLLATE "C", args=%s::VARCHAR COLLATE "C", queue=%s::VARCHAR '
        'COLLATE "C", priority=%s::INTEGER, max_retries=%s::INTEGER, backoff=%s::VARCHAR COLLATE "C", '
        'timeout=%s, cron=%s::VARCHAR COLLATE "C", every=%s, at=%s::BIGINT, zone=%s::VARCHAR COLLATE "C", '
        'anchor=%s::BIGINT, missed=%s::VARCHAR COLLATE "C", missed_cap=%s::INTEGER, overlap=%s::VARCHAR '
        'COLLATE "C", next_at=%s::BIGINT, version=%s::INTEGER, paused_at=%s::BIGINT, paused_by=%s::VARCHAR '
        'COLLATE "C", pause_reason=%s::VARCHAR COLLATE "C" WHERE schedule.name = %s::VARCHAR COLLATE "C"',
    ),
)

DELETE_SCHEDULE = Statement(
    Text(
        "DELETE FROM schedule WHERE schedule.name = ?",
    ),
    Text(
        'DELETE FROM schedule WHERE schedule.name = %s::VARCHAR COLLATE "C"',
    ),
    Text(
        'DELETE FROM schedule WHERE schedule.name = ANY (%s::TEXT[] COLLATE "C")',
    ),
)

SCHEDULE_NAMED = Statement(
    Text(
        "SELECT schedule.name, schedule.task, schedule.args, schedule.queue, schedule.priority, "
        "schedule.max_retries, schedule.backoff, schedule.timeout, schedule.cron, schedule.every, "
        "schedule.at, schedule.zone, schedule.anchor, schedule.missed, schedule.missed_cap, schedule.overlap, "
        "schedule.next_at, schedule.version, schedule.created_at, schedule.paused_at, schedule.paused_by, "
        "schedule.pause_reason FROM schedule WHERE schedule.name = ?",
    ),
    Text(
        "SELECT schedule.name, schedule.task, schedule.args, schedule.queue, schedule.priority, "
        "schedule.max_retries, schedule.backoff, schedule.timeout, schedule.cron, schedule.every, "
        "schedule.at, schedule.zone, schedule.anchor, schedule.missed, schedule.missed_cap, schedule.overlap, "
        "schedule.next_at, schedule.version, schedule.created_at, schedule.paused_at, schedule.paused_by, "
        'schedule.pause_reason FROM schedule WHERE schedule.name = %s::VARCHAR COLLATE "C" FOR UPDATE',
    ),
)

NEXT_TICK = Statement(
    Text(
        "SELECT min(schedule.next_at) AS min_1 FROM schedule WHERE schedule.paused_at IS NULL AND "
        "schedule.next_at IS NOT NULL",
    ),
    Text(
        "SELECT min(schedule.next_at) AS min_1 FROM schedule WHERE schedule.paused_at IS NULL AND "
        "schedule.next_at IS NOT NULL",
    ),
)

SCHEDULES_DUE = Statement(
    Text(
        "SELECT schedule.name, schedule.task, schedule.args, schedule.queue, schedule.priority, "
        "schedule.max_retries, schedule.backoff, schedule.timeout, schedule.cron, schedule.every, "
        "schedule.at, schedule.zone, schedule.anchor, schedule.missed, schedule.missed_cap, schedule.overlap, "
        "schedule.next_at, schedule.version, schedule.created_at, schedule.paused_at, schedule.paused_by, "
        "schedule.pause_reason FROM schedule WHERE schedule.paused_at IS NULL AND schedule.next_at IS NOT "
        "NULL AND schedule.next_at <= ? ORDER BY schedule.next_at LIMIT ? + 0 OFFSET ?",
        (0, 1, 2),
        (0,),
    ),
    Text(
        "SELECT schedule.name, schedule.task, schedule.args, schedule.queue, schedule.priority, "
        "schedule.max_retries, schedule.backoff, schedule.timeout, schedule.cron, schedule.every, "
        "schedule.at, schedule.zone, schedule.anchor, schedule.missed, schedule.missed_cap, schedule.overlap, "
        "schedule.next_at, schedule.version, schedule.created_at, schedule.paused_at, schedule.paused_by, "
        "schedule.pause_reason FROM schedule WHERE schedule.paused_at IS NULL AND schedule.next_at IS NOT "
        "NULL AND schedule.next_at <= %s::BIGINT ORDER BY schedule.next_at LIMIT %s::INTEGER + 0",
    ),
)

TICKABLE = Statement(
    Text(
        "SELECT schedule.next_at FROM schedule WHERE schedule.name = ? AND schedule.version = ? AND "
        "schedule.paused_at IS NULL",
    ),
    Text(
        'SELECT schedule.next_at FROM schedule WHERE schedule.name = %s::VARCHAR COLLATE "C" AND '
        "schedule.version = %s::INTEGER AND schedule.paused_at IS NULL FOR UPDATE",
    ),
)

MOVE_SCHEDULE = Statement(
    Text(
        "UPDATE schedule SET next_at=? WHERE schedule.name = ?",
    ),
    Text(
        'UPDATE schedule SET next_at=%s::BIGINT WHERE schedule.name = %s::VARCHAR COLLATE "C"',
    ),
)

INSERT_SLOT = Statement(
    Text(
        "INSERT INTO slot (schedule, at, until, count, job_id, reason, made_at) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING",
    ),
    Text(
        "INSERT INTO slot (schedule, at, until, count, job_id, reason, made_at) VALUES (%s::VARCHAR COLLATE "
        '"C", %s::BIGINT, %s::BIGINT, %s::INTEGER, %s::BIGINT, %s::VARCHAR COLLATE "C", %s::BIGINT) ON '
        "CONFLICT DO NOTHING",
    ),
    Text(
        "INSERT INTO slot (schedule, at, until, count, job_id, reason, made_at) SELECT rows.schedule, "
        "rows.at, rows.until, rows.count, rows.job_id, rows.reason, rows.made_at FROM unnest(%s::TEXT[] "
        'COLLATE "C", %s::BIGINT[], %s::BIGINT[], %s::INTEGER[], %s::BIGINT[], %s::TEXT[] COLLATE "C", '
        "%s::BIGINT[]) AS rows(schedule, at, until, count, job_id, reason, made_at) ON CONFLICT DO NOTHING",
    ),
)

SET_SLOT = Statement(
    Text(
        "UPDATE slot SET job_id=?, reason=? WHERE slot.schedule = ? AND slot.at = ? AND slot.job_id IS NULL",
    ),
    Text(
        'UPDATE slot SET job_id=%s::BIGINT, reason=%s::VARCHAR COLLATE "C" WHERE slot.schedule = %s::VARCHAR '
        'COLLATE "C" AND slot.at = %s::BIGINT AND slot.job_id IS NULL',
    ),
)

SLOTS_BETWEEN = Statement(
    Text(
        "SELECT slot.at, slot.job_id FROM slot WHERE slot.schedule = ? AND slot.at BETWEEN ? AND ?",
    ),
    Text(
        'SELECT slot.at, slot.job_id FROM slot WHERE slot.schedule = %s::VARCHAR COLLATE "C" AND slot.at '
        "BETWEEN %s::BIGINT AND %s::BIGINT",
    ),
)

UNFINISHED_SLOTS = Statement(
    Text(
        "SELECT slot.job_id, lease.job_id IS NOT NULL AS runs FROM slot JOIN job ON job.id = slot.job_id LEFT "
        "OUTER JOIN closed ON closed.job_id = slot.job_id LEFT OUTER JOIN lease ON lease.job_id = slot.job_id "
        "WHERE slot.schedule = ? AND slot.at < ? AND slot.job_id IS NOT NULL AND closed.job_id IS NULL ORDER "
        "BY slot.at DESC LIMIT ? + 0 OFFSET ?",
        (0, 1, 2, 3),
        (0,),
    ),
    Text(
        "SELECT slot.job_id, lease.job_id IS NOT NULL AS runs FROM slot JOIN job ON job.id = slot.job_id LEFT "
        "OUTER JOIN closed ON closed.job_id = slot.job_id LEFT OUTER JOIN lease ON lease.job_id = slot.job_id "
        'WHERE slot.schedule = %s::VARCHAR COLLATE "C" AND slot.at < %s::BIGINT AND slot.job_id IS NOT NULL '
        "AND closed.job_id IS NULL ORDER BY slot.at DESC LIMIT %s::INTEGER + 0",
    ),
)

OLD_SLOT = Statement(
    Text(
        "SELECT slot.at FROM slot WHERE slot.schedule = ? ORDER BY slot.at DESC LIMIT 1 OFFSET ? + 0",
    ),
    Text(
        'SELECT slot.at FROM slot WHERE slot.schedule = %s::VARCHAR COLLATE "C" ORDER BY slot.at DESC LIMIT 1 '
        "OFFSET %s::INTEGER + 0",
    ),
)

SCHEDULE_NAMES = Statement(
    Text(
        "SELECT schedule.name FROM schedule",
    ),
    Text(
        "SELECT schedule.name FROM schedule",
    ),
)

FORGET_SLOTS = Statement(
    Text(
        "DELETE FROM slot WHERE slot.schedule = ? AND slot.at < ?",
    ),
    Text(
        'DELETE FROM slot WHERE slot.schedule = %s::VARCHAR COLLATE "C" AND slot.at < %s::BIGINT',
    ),
)

INSERT_ACCOUNT = Statement(
    Text(
        "INSERT INTO account (name, password, role, created_at, changed_at) VALUES (?, ?, ?, ?, ?) ON "
        "CONFLICT DO NOTHING",
    ),
    Text(
        'INSERT INTO account (name, password, role, created_at, changed_at) VALUES (%s::VARCHAR COLLATE "C", '
        '%s::VARCHAR COLLATE "C", %s::VARCHAR COLLATE "C", %s::BIGINT, %s::BIGINT) ON CONFLICT DO NOTHING',
    ),
    Text(
        "INSERT INTO account (name, password, role, created_at, changed_at) SELECT rows.name, rows.password, "
        'rows.role, rows.created_at, rows.changed_at FROM unnest(%s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE '
        '"C", %s::TEXT[] COLLATE "C", %s::BIGINT[], %s::BIGINT[]) AS rows(name, password, role, created_at, '
        "changed_at) ON CONFLICT DO NOTHING",
    ),
)

ACCOUNT_OF = Statement(
    Text(
        "SELECT account.password, account.role FROM account WHERE account.name = ?",
    ),
    Text(
        'SELECT account.password, account.role FROM account WHERE account.name = %s::VARCHAR COLLATE "C"',
    ),
)

ACCOUNTS = Statement(
    Text(
        "SELECT count(*) AS count_1 FROM account",
    ),
    Text(
        "SELECT count(*) AS count_1 FROM account",
    ),
)

LOCK_ACCOUNTS = Statement(
    Text(
        "SELECT account.name FROM account WHERE account.role = ? ORDER BY account.name",
    ),
    Text(
        'SELECT account.name FROM account WHERE account.role = %s::VARCHAR COLLATE "C" ORDER BY account.name '
        "FOR UPDATE",
    ),
)

DELETE_ACCOUNT = Statement(
    Text(
        "DELETE FROM account WHERE account.name = ?",
    ),
    Text(
        'DELETE FROM account WHERE account.name = %s::VARCHAR COLLATE "C"',
    ),
    Text(
        'DELETE FROM account WHERE account.name = ANY (%s::TEXT[] COLLATE "C")',
    ),
)

SET_PASSWORD = Statement(
    Text(
        "UPDATE account SET password=?, changed_at=? WHERE account.name = ?",
    ),
    Text(
        'UPDATE account SET password=%s::VARCHAR COLLATE "C", changed_at=%s::BIGINT WHERE account.name = '
        '%s::VARCHAR COLLATE "C"',
    ),
)

REHASH = Statement(
    Text(
        "UPDATE account SET password=? WHERE account.name = ? AND account.password = ?",
    ),
    Text(
        'UPDATE account SET password=%s::VARCHAR COLLATE "C" WHERE account.name = %s::VARCHAR COLLATE "C" AND '
        'account.password = %s::VARCHAR COLLATE "C"',
    ),
)

SET_ROLE = Statement(
    Text(
        "UPDATE account SET role=?, changed_at=? WHERE account.name = ?",
    ),
    Text(
        'UPDATE account SET role=%s::VARCHAR COLLATE "C", changed_at=%s::BIGINT WHERE account.name = '
        '%s::VARCHAR COLLATE "C"',
    ),
)

INSERT_LOGIN = Statement(
    Text(
        "INSERT INTO login (digest, account, created_at, used_at) VALUES (?, ?, ?, ?)",
    ),
    Text(
        'INSERT INTO login (digest, account, created_at, used_at) VALUES (%s::VARCHAR COLLATE "C", '
        '%s::VARCHAR COLLATE "C", %s::BIGINT, %s::BIGINT)',
    ),
    Text(
        "INSERT INTO login (digest, account, created_at, used_at) SELECT rows.digest, rows.account, "
        'rows.created_at, rows.used_at FROM unnest(%s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE "C", '
        "%s::BIGINT[], %s::BIGINT[]) AS rows(digest, account, created_at, used_at)",
    ),
)

LOGIN_OF = Statement(
    Text(
        "SELECT account.name, account.role, login.created_at, login.used_at, login.confirmed_until FROM login "
        "JOIN account ON account.name = login.account WHERE login.digest = ?",
    ),
    Text(
        "SELECT account.name, account.role, login.created_at, login.used_at, login.confirmed_until FROM login "
        'JOIN account ON account.name = login.account WHERE login.digest = %s::VARCHAR COLLATE "C"',
    ),
)

USE_LOGIN = Statement(
    Text(
        "UPDATE login SET used_at=? WHERE login.digest = ?",
    ),
    Text(
        'UPDATE login SET used_at=%s::BIGINT WHERE login.digest = %s::VARCHAR COLLATE "C"',
    ),
)

CONFIRM_LOGIN = Statement(
    Text(
        "UPDATE login SET confirmed_until=? WHERE login.digest = ?",
    ),
    Text(
        'UPDATE login SET confirmed_until=%s::BIGINT WHERE login.digest = %s::VARCHAR COLLATE "C"',
    ),
)

DELETE_LOGIN = Statement(
    Text(
        "DELETE FROM login WHERE login.digest = ?",
    ),
    Text(
        'DELETE FROM login WHERE login.digest = %s::VARCHAR COLLATE "C"',
    ),
    Text(
        'DELETE FROM login WHERE login.digest = ANY (%s::TEXT[] COLLATE "C")',
    ),
)

DELETE_LOGINS_OF = Statement(
    Text(
        "DELETE FROM login WHERE login.account = ?",
    ),
    Text(
        'DELETE FROM login WHERE login.account = %s::VARCHAR COLLATE "C"',
    ),
    Text(
        'DELETE FROM login WHERE login.account = ANY (%s::TEXT[] COLLATE "C")',
    ),
)

DELETE_OLD_LOGINS = Statement(
    Text(
        "DELETE FROM login WHERE login.created_at <= ? OR login.used_at <= ?",
    ),
    Text(
        "DELETE FROM login WHERE login.created_at <= %s::BIGINT OR login.used_at <= %s::BIGINT",
    ),
)

INSERT_DEVICE = Statement(
    Text(
        "INSERT INTO device (digest, account, created_at, used_at) VALUES (?, ?, ?, ?)",
    ),
    Text(
        'INSERT INTO device (digest, account, created_at, used_at) VALUES (%s::VARCHAR COLLATE "C", '
        '%s::VARCHAR COLLATE "C", %s::BIGINT, %s::BIGINT)',
    ),
    Text(
        "INSERT INTO device (digest, account, created_at, used_at) SELECT rows.digest, rows.account, "
        'rows.created_at, rows.used_at FROM unnest(%s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE "C", '
        "%s::BIGINT[], %s::BIGINT[]) AS rows(digest, account, created_at, used_at)",
    ),
)

DEVICE_OF = Statement(
    Text(
        "SELECT device.used_at FROM device WHERE device.digest = ?",
    ),
    Text(
        'SELECT device.used_at FROM device WHERE device.digest = %s::VARCHAR COLLATE "C"',
    ),
)

USE_DEVICE = Statement(
    Text(
        "UPDATE device SET used_at=? WHERE device.digest = ?",
    ),
    Text(
        'UPDATE device SET used_at=%s::BIGINT WHERE device.digest = %s::VARCHAR COLLATE "C"',
    ),
)

DELETE_DEVICES_OF = Statement(
    Text(
        "DELETE FROM device WHERE device.account = ?",
    ),
    Text(
        'DELETE FROM device WHERE device.account = %s::VARCHAR COLLATE "C"',
    ),
    Text(
        'DELETE FROM device WHERE device.account = ANY (%s::TEXT[] COLLATE "C")',
    ),
)

DELETE_OLD_DEVICES = Statement(
    Text(
        "DELETE FROM device WHERE device.used_at < ?",
    ),
    Text(
        "DELETE FROM device WHERE device.used_at < %s::BIGINT",
    ),
)

DELETE_MORE_DEVICES = Statement(
    Text(
        "DELETE FROM device WHERE device.account = ? AND (device.digest NOT IN (SELECT device.digest FROM "
        "device WHERE device.account = ? ORDER BY device.used_at DESC LIMIT ? + 0 OFFSET ?))",
        (0, 0, 1, 2),
        (0,),
    ),
    Text(
        'DELETE FROM device WHERE device.account = %s::VARCHAR COLLATE "C" AND (device.digest NOT IN (SELECT '
        'device.digest FROM device WHERE device.account = %s::VARCHAR COLLATE "C" ORDER BY device.used_at '
        "DESC LIMIT %s::INTEGER + 0))",
        (0, 0, 1),
        (),
    ),
)

SALT_OF = Statement(
    Text(
        "SELECT salt.value FROM salt WHERE salt.name = ?",
    ),
    Text(
        'SELECT salt.value FROM salt WHERE salt.name = %s::VARCHAR COLLATE "C"',
    ),
)

INSERT_SALT = Statement(
    Text(
        "INSERT INTO salt (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING",
    ),
    Text(
        'INSERT INTO salt (name, value) VALUES (%s::VARCHAR COLLATE "C", %s::VARCHAR COLLATE "C") ON CONFLICT '
        "DO NOTHING",
    ),
    Text(
        'INSERT INTO salt (name, value) SELECT rows.name, rows.value FROM unnest(%s::TEXT[] COLLATE "C", '
        '%s::TEXT[] COLLATE "C") AS rows(name, value) ON CONFLICT DO NOTHING',
    ),
)

INSERT_THROTTLE = Statement(
    Text(
        "INSERT INTO throttle (subject, failures, last_at, until) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
    ),
    Text(
        'INSERT INTO throttle (subject, failures, last_at, until) VALUES (%s::VARCHAR COLLATE "C", '
        "%s::INTEGER, %s::BIGINT, %s::BIGINT) ON CONFLICT DO NOTHING",
    ),
    Text(
        "INSERT INTO throttle (subject, failures, last_at, until) SELECT rows.subject, rows.failures, "
        'rows.last_at, rows.until FROM unnest(%s::TEXT[] COLLATE "C", %s::INTEGER[], %s::BIGINT[], '
        "%s::BIGINT[]) AS rows(subject, failures, last_at, until) ON CONFLICT DO NOTHING",
    ),
)

COUNT_FAILURE = Statement(
    Text(
        "UPDATE throttle SET failures=(CASE WHEN (throttle.last_at < ?) THEN ? WHEN ((? - throttle.last_at) / "
        "? > throttle.failures) THEN ? ELSE throttle.failures - (? - throttle.last_at) / ? END + ?), "
        "last_at=? WHERE throttle.subject = ? AND throttle.until <= ?",
        (0, 4, 2, 1, 5, 2, 1, 6, 2, 3, 2),
        (0, 0, 1),
    ),
    Text(
        "UPDATE throttle SET failures=(CASE WHEN (throttle.last_at < %s::BIGINT) THEN %s::INTEGER WHEN "
        "((%s::BIGINT - throttle.last_at) / %s::BIGINT > throttle.failures) THEN %s::INTEGER ELSE "
        "throttle.failures - (%s::BIGINT - throttle.last_at) / %s::BIGINT END + %s::INTEGER), "
        'last_at=%s::BIGINT WHERE throttle.subject = %s::VARCHAR COLLATE "C" AND throttle.until <= %s::BIGINT',
        (0, 4, 2, 1, 5, 2, 1, 6, 2, 3, 2),
        (0, 0, 1),
    ),
)

THROTTLE_OF = Statement(
    Text(
        "SELECT throttle.failures, throttle.until FROM throttle WHERE throttle.subject = ?",
    ),
    Text(
        'SELECT throttle.failures, throttle.until FROM throttle WHERE throttle.subject = %s::VARCHAR COLLATE "C"',
    ),
)

CLOSE_UNTIL = Statement(
    Text(
        "UPDATE throttle SET until=? WHERE throttle.subject = ?",
    ),
    Text(
        'UPDATE throttle SET until=%s::BIGINT WHERE throttle.subject = %s::VARCHAR COLLATE "C"',
    ),
)

FORGIVE = Statement(
    Text(
        "UPDATE throttle SET failures=(throttle.failures - ?), until=? WHERE throttle.subject = ?",
        (1, 2, 0),
        (1, 0),
    ),
    Text(
        "UPDATE throttle SET failures=(throttle.failures - %s::INTEGER), until=%s::BIGINT WHERE "
        'throttle.subject = %s::VARCHAR COLLATE "C"',
        (1, 2, 0),
        (1, 0),
    ),
)

DELETE_THROTTLE = Statement(
    Text(
        "DELETE FROM throttle WHERE throttle.subject = ?",
    ),
    Text(
        'DELETE FROM throttle WHERE throttle.subject = %s::VARCHAR COLLATE "C"',
    ),
    Text(
        'DELETE FROM throttle WHERE throttle.subject = ANY (%s::TEXT[] COLLATE "C")',
    ),
)

DELETE_THROTTLES = Statement(
    Text(
        "DELETE FROM throttle",
    ),
    Text(
        "DELETE FROM throttle",
    ),
)

DELETE_OLD_THROTTLES = Statement(
    Text(
        "DELETE FROM throttle WHERE throttle.subject IN (SELECT throttle.subject FROM throttle WHERE "
        "throttle.last_at < ? AND throttle.until < ?)",
    ),
    Text(
        "DELETE FROM throttle WHERE throttle.subject IN (SELECT throttle.subject FROM throttle WHERE "
        "throttle.last_at < %s::BIGINT AND throttle.until < %s::BIGINT FOR UPDATE SKIP LOCKED)",
    ),
)

INSERT_TOKEN = Statement(
    Text(
        "INSERT INTO token (id, name, digest, scopes, created_by, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
    ),
    Text(
        "INSERT INTO token (id, name, digest, scopes, created_by, created_at, expires_at) VALUES (%s::VARCHAR "
        'COLLATE "C", %s::VARCHAR COLLATE "C", %s::VARCHAR COLLATE "C", %s::VARCHAR COLLATE "C", %s::VARCHAR '
        'COLLATE "C", %s::BIGINT, %s::BIGINT)',
    ),
    Text(
        "INSERT INTO token (id, name, digest, scopes, created_by, created_at, expires_at) SELECT rows.id, "
        "rows.name, rows.digest, rows.scopes, rows.created_by, rows.created_at, rows.expires_at FROM "
        'unnest(%s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE "C", %s::TEXT[] COLLATE '
        '"C", %s::TEXT[] COLLATE "C", %s::BIGINT[], %s::BIGINT[]) AS rows(id, name, digest, scopes, '
        "created_by, created_at, expires_at)",
    ),
)

TOKEN_OF = Statement(
    Text(
        "SELECT token.name, token.digest, token.scopes, token.expires_at, token.used_at FROM token WHERE "
        "token.id = ? AND token.revoked_at IS NULL",
    ),
    Text(
        "SELECT token.name, token.digest, token.scopes, token.expires_at, token.used_at FROM token WHERE "
        'token.id = %s::VARCHAR COLLATE "C" AND token.revoked_at IS NULL',
    ),
)

USE_TOKEN = Statement(
    Text(
        "UPDATE token SET used_at=? WHERE token.id = ?",
    ),
    Text(
        'UPDATE token SET used_at=%s::BIGINT WHERE token.id = %s::VARCHAR COLLATE "C"',
    ),
)

REVOKE_TOKEN = Statement(
    Text(
        "UPDATE token SET revoked_at=? WHERE token.id = ? AND token.revoked_at IS NULL",
    ),
    Text(
        'UPDATE token SET revoked_at=%s::BIGINT WHERE token.id = %s::VARCHAR COLLATE "C" AND token.revoked_at IS NULL',
    ),
)

FORGET_EVENTS = Statement(
    Text(
        "DELETE FROM event WHERE event.id IN (SELECT event.id FROM event ORDER BY event.tx, event.id LIMIT ? "
        "+ 0 OFFSET ?) AND event.at < ?",
        (0, 2, 1),
        (0,),
    ),
    Text(
        "DELETE FROM event WHERE event.id IN (SELECT event.id FROM event ORDER BY event.tx, event.id LIMIT "
        "%s::INTEGER + 0) AND event.at < %s::BIGINT",
    ),
)

AGENDA = Statement(
    Text(
        "SELECT (SELECT min(delayed.due_at) AS min_1 FROM delayed) AS anon_1, (SELECT min(schedule.next_at) "
        "AS min_2 FROM schedule WHERE schedule.paused_at IS NULL AND schedule.next_at IS NOT NULL) AS anon_2, "
        "EXISTS (SELECT dependent.job_id FROM dependent) AS anon_3, EXISTS (SELECT file_intent.job_id FROM "
        "file_intent) AS anon_4, EXISTS (SELECT redrive.id FROM redrive WHERE redrive.state = 'running') AS "
        "anon_5, coalesce((SELECT max(action.id) AS max_1 FROM action), ?) AS coalesce_1",
        (0,),
        (0,),
    ),
    Text(
        "SELECT (SELECT min(delayed.due_at) AS min_1 FROM delayed) AS anon_1, (SELECT min(schedule.next_at) "
        "AS min_2 FROM schedule WHERE schedule.paused_at IS NULL AND schedule.next_at IS NOT NULL) AS anon_2, "
        "EXISTS (SELECT dependent.job_id FROM dependent) AS anon_3, EXISTS (SELECT file_intent.job_id FROM "
        "file_intent) AS anon_4, EXISTS (SELECT redrive.id FROM redrive WHERE redrive.state = 'running') AS "
        "anon_5, coalesce((SELECT max(action.id) AS max_1 FROM action), %s::INTEGER) AS coalesce_1",
        (0,),
        (0,),
    ),
)

PLACE_JOB = Text(
    "WITH made AS (INSERT INTO job (queue, task, args, priority, max_retries, backoff, timeout, "
    'unique_key, limit_key, created_at) VALUES (%s::VARCHAR COLLATE "C", %s::VARCHAR COLLATE "C", CAST(%s '
    'AS JSON), %s::INTEGER, %s::INTEGER, %s::VARCHAR COLLATE "C", %s, %s::VARCHAR COLLATE "C", '
    '%s::VARCHAR COLLATE "C", %s::BIGINT) RETURNING job.id, job.queue, job.priority, job.created_at) '
    "INSERT INTO ready (queue, priority, job_id, attempt, retries, crashes, suspect, since) SELECT "
    "made.queue, made.priority, made.id, 0, 0, 0, 0, made.created_at FROM made RETURNING ready.job_id",
)
