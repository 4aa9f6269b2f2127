"""The only room that names a database: engines, clocks, schema versions and waking."""

from pqkit.db.base import Database, Durability, Obstacle
from pqkit.db.connect import connect
from pqkit.db.sqlite.commit_watcher import Wake
from pqkit.db.sqlite.driver import driver_version
from pqkit.db.transaction import Alike, Transaction

__all__ = ["Alike", "Database", "Durability", "Obstacle", "Transaction", "Wake", "connect", "driver_version"]
