"""``pqkit lab``: the commands of the experiments.

``worker_experiments`` holds the group that the other modules' commands join.
"""
