"""Tools of the experiments: process fleets, faults, proxies, servers, evidence, verdict.

Entry points: ``fleet`` (worker and producer processes), ``faults``, ``ledger`` (what clients were told), ``verdict``
(the rules) and ``result``. Modules that end in ``_process``, ``_plugin`` or ``_command`` run inside other processes.

Who may import it: the experiments, the simulation, ``bench`` and ``incidents``.

Start reading: ``fleet``, then ``verdict``.
"""
