"""The simulation: the real queue code under a simulated clock, judged by an oracle.

The workers are simulated too.

Entry points: ``simulator`` (plays one seed), ``machine`` (clocks, sleep and crashes), ``workers`` and ``handlers``,
``oracle`` (the promises as rules), ``mutants`` (queues that are wrong in one way each, which the oracle must find) and
``databases`` (the real databases with simulated clocks).

Who may import it: ``cli.lab`` and ``planning``.

Start reading: ``simulator``.
"""
