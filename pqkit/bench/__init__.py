"""How fast pqkit is, as ratios to the bare driver measured beside it, by real workers on scratch databases.

``run`` measures, ``figures`` sums up what was measured, ``rows`` makes a table of it for notebooks and programs.
"""

from pqkit.bench.figures import Figure, Sample, figures, rows
from pqkit.bench.scale import QUICK, WHOLE, Scale
from pqkit.bench.suite import SCENARIOS, Plan, run
from pqkit.bench.targets import bars

__all__ = ["QUICK", "SCENARIOS", "WHOLE", "Figure", "Plan", "Sample", "Scale", "bars", "figures", "rows", "run"]
