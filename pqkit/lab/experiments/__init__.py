"""Experiments: each module injects faults into real processes and judges the queue.

Each takes a ``Scratch`` place and returns a ``Result`` with figures and findings; ``pqkit lab`` and the notebooks run
them. ``crash`` is the one to read first.

Who may import it: ``cli.lab``, ``incidents``, ``bench`` and notebooks.
"""
