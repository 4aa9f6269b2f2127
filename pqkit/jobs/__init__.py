"""Enqueueing jobs, and the moves that an operator may make with them.

Entry points: ``spec`` (the checked options of one enqueue), ``insert`` (the rows), ``group_commit`` (enqueues that
share a transaction), ``unique_keys``, ``idempotency``, ``dependencies``, ``batch``, and ``transitions`` (a job's
position, and moves inside an operator's transaction).

Who may import it: ``operations``, ``maintenance``, the facade ``pqkit.queue`` and the packages above. Users go through
``pqkit.queue``.

Start reading: ``spec``, then ``insert``.
"""
