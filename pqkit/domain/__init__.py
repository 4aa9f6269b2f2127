"""The rules of the queue, as pure functions and values: no database, no clock, no files.

Entry points: ``tasks`` (the ``@task`` decorator and the registry), ``states`` (the eight states of a job and the moves
between them), ``outcomes`` (how an attempt ended and where its job goes), ``retry_policy``, ``queue_limits``,
``redrive_plan`` and ``schedule_times`` (cron and interval arithmetic).

Stored values pass through ``payload``, ``exact_json`` and ``value_conversion``. ``context`` is the ``ctx`` of a
handler; ``hooks`` registers a user's functions to call after a job has ended.

Who may import it: every package. It imports ``pqkit.errors`` and nothing else of pqkit, so each rule can be tested as a
table of values.

Start reading: ``states``, then ``outcomes``.
"""
