"""``python -m pqkit.bench.receiver STAMPS MANY``: claims so many jobs of a raw queue as they come, and stamps each."""

import sys

from pqkit.db.yardstick import yardstick
from pqkit.lab.measured import ping
from pqkit.settings import settings

if __name__ == "__main__":
    stamps, many = sys.argv[1:]
    with yardstick(settings().url, settings().durability, made=True) as raw:
        raw.receive(int(many), lambda n: ping(stamps, n))
