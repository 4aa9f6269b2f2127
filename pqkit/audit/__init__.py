"""The audit: was every promise kept, by what the database recorded of a job?

Entry points: ``rules`` (judges the history of a job), ``job_history`` (a job's record as rows), ``limit_rules`` (were
limits of queues held?), ``pruned_jobs`` (jobs that are no longer there), ``seals`` (the hash chain over what was
pruned) and ``archive`` (the files into which pruned jobs go).

Who may import it: ``queries``, ``operations``, ``maintenance`` and what stands above them. It reads no database
itself; ``queries.audit_history`` brings it the rows.

Start reading: ``rules``.
"""
