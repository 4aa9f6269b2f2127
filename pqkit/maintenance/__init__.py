"""Maintenance: small idempotent duties that any worker may do, one process at a time.

Entry points: ``runner`` (the thread and its rounds), ``duties`` (when each duty is due, and what follows its failures),
``leader`` (the lease row of a duty). One module per duty: ``stager`` (due jobs become ready), ``rescuer`` (jobs of dead
workers), ``scheduler`` (slots of schedules become jobs), ``dependency_releaser``, ``staged_files``, ``pruner`` with
``retention``, ``sampler``, ``downsampler`` and ``forecaster``. ``Queue.upkeep()`` returns ``facade``'s ``Upkeep``.

Every duty works in bounded batches, and may be done twice or killed at any point.

Who may import it: the facade ``pqkit.queue``, ``worker``, ``api`` and ``lab``.

Start reading: ``runner``, then ``rescuer``.
"""
