"""Measures pqkit's speed as ratios to the bare driver, which is measured beside it.

Real workers run on scratch databases. ``run`` measures, ``figures`` sums up the samples, ``rows`` makes a table of them
for notebooks and programs.
"""

from pqkit.bench.figures import Figure, Sample, figures, rows
from pqkit.bench.scale import QUICK, WHOLE, Scale
from pqkit.bench.suite import SCENARIOS, Plan, run
from pqkit.bench.targets import bars

__all__ = ["QUICK", "SCENARIOS", "WHOLE", "Figure", "Plan", "Sample", "Scale", "bars", "figures", "rows", "run"]
