"""Planning from the record of runs: capacity, replays, and a comparison of retry policies.

Entry points: ``capacity`` (how many workers and slots a load needs), ``replay`` (replays the record on a simulated
queue) and ``retry_analysis`` (what another retry policy would have done).

Who may import it: the command line and notebooks. It changes no queue.

Start reading: ``capacity``.
"""
