"""The audit: checks from the database's records that pqkit kept every promise about a job.

Entry points: ``rules`` (judges the history of a job), ``job_history`` (a job's record as rows), ``limit_rules`` (the
limits of queues), ``pruned_jobs`` (jobs that are no longer there), ``seals`` (the hash chain over pruned jobs) and
``archive`` (the files that keep pruned jobs).

Who may import it: ``queries``, ``operations``, ``maintenance`` and the packages above them. It reads no database
itself; ``queries.audit_history`` brings it the rows.

Start reading: ``rules``.
"""
