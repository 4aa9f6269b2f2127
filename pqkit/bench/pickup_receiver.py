"""``python -m pqkit.bench.pickup_receiver STAMPS MANY``: claims and stamps MANY jobs.

It claims the jobs of a raw queue one by one as they arrive.
"""

import sys

from pqkit.bench.baseline import yardstick
from pqkit.lab.harness.noop_tasks import ping
from pqkit.settings import settings

if __name__ == "__main__":
    stamps, many = sys.argv[1:]
    with yardstick(settings().url, settings().durability, made=True) as raw:
        raw.receive(int(many), lambda n: ping(stamps, n))
