"""The lease: how a worker claims jobs, holds them, and records how their attempts ended.

Entry points: ``worker_leases`` (one worker's calls: register, exchange, heartbeat, end), ``finish`` (writes outcomes
under the fence), ``claim_limits`` (claims from queues with limits), ``unconfirmed_commits`` (commits whose answer was
lost), ``run_metrics``, ``pending_hooks`` and ``remote_workers`` (workers that speak REST).

The fence: an attempt's end counts only while the lease row still names this job, attempt and worker. Every write here
checks it.

Who may import it: ``jobs``, ``maintenance``, the facade and the worker.

Start reading: ``worker_leases.exchange``, then ``finish``.
"""
