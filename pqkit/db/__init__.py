"""The only room that names a database: engines, clocks, schema versions and waking."""

from pqkit.db.driver import driver_version
from pqkit.db.engine import Database, Durability, connect
from pqkit.db.transaction import Transaction
from pqkit.db.wake import Wake

__all__ = ["Database", "Durability", "Transaction", "Wake", "connect", "driver_version"]
