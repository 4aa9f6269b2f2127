"""Planning from the record of runs: capacity, replays, and retry policies compared.

Entry points: ``capacity`` (how many workers and slots a load needs), ``replay`` (the record played again on a simulated
queue) and ``retry_analysis`` (what another retry policy would have done).

Who may import it: the command line and notebooks. It changes no queue.

Start reading: ``capacity``.
"""
