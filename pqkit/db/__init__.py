"""The only room that names a database: engines, clocks, schema versions and waking."""

from pqkit.db.connect import connect
from pqkit.db.database import Database, Durability, Obstacle
from pqkit.db.driver import driver_version
from pqkit.db.transaction import Alike, Transaction
from pqkit.db.wake import Wake

__all__ = ["Alike", "Database", "Durability", "Obstacle", "Transaction", "Wake", "connect", "driver_version"]
