"""The base of the maintenance verbs: the database, and the number of rows per transaction."""

from pqkit.db import Database

BATCH = 500


class Verbs:
    """Maintenance verbs. Take the duty before calling them; two callers at once do no harm."""

    def __init__(self, database: Database) -> None:
        self._database = database
