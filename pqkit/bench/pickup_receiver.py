"""``python -m pqkit.bench.pickup_receiver STAMPS MANY``: claims so many jobs of a raw queue as they come, and stamps
each."""

import sys

from pqkit.bench.baseline import yardstick
from pqkit.lab.harness.noop_tasks import ping
from pqkit.settings import settings

if __name__ == "__main__":
    stamps, many = sys.argv[1:]
    with yardstick(settings().url, settings().durability, made=True) as raw:
        raw.receive(int(many), lambda n: ping(stamps, n))
