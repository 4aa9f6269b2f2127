"""The experiments: one module each, which does harm to real processes and judges what the queue made of it.

Each takes a ``Scratch`` place and returns a ``Result`` with figures and findings; ``pqkit lab`` and the notebooks
run them. ``crash`` is the one to read first.

Who may import it: ``cli.lab``, ``incidents``, ``bench`` and notebooks.
"""
