"""The only package with database-specific code: connections, clocks, schema, waking.

Entry points: ``connect`` (a ``Database`` for a URL), ``base`` (the interface that both databases implement), and
``schema`` with ``migrations``. ``sqlite`` and ``postgresql`` hold the code that only one of the two needs.

Both protect acknowledged writes: ``fork_safety`` closes inherited connections, ``table_guard`` keeps a user's
``create_all`` away from the queue's tables, and a commit on SQLite checks that its files are still the same.

Who may import it: every package above ``sql``; consoles and notebooks only through ``queries`` and operations.

Start reading: ``base``, then ``sqlite.database``.
"""

from pqkit.db.base import Database, Durability, Obstacle
from pqkit.db.connect import connect
from pqkit.db.sqlite.commit_watcher import Wake
from pqkit.db.sqlite.driver import driver_version
from pqkit.db.transaction import Alike, Transaction

__all__ = ["Alike", "Database", "Durability", "Obstacle", "Transaction", "Wake", "connect", "driver_version"]
