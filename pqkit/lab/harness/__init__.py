"""The tools of the experiments: fleets of processes, faults, proxies, servers, the ledger of evidence and its verdict.

Entry points: ``fleet`` (worker and producer processes), ``faults``, ``ledger`` (what clients were told), ``verdict``
(the rules) and ``result``. Modules that end in ``_process``, ``_plugin`` or ``_command`` run inside other processes.

Who may import it: the experiments, the simulation, ``bench`` and ``incidents``.

Start reading: ``fleet``, then ``verdict``.
"""
