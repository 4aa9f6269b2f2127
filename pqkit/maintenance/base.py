"""What the verbs of maintenance have in common: the database, and how much one transaction moves."""

from pqkit.db import Database

BATCH = 500


class Verbs:
    """Some verbs of maintenance. Whoever calls them takes the duty first; being two by accident does no harm."""

    def __init__(self, database: Database) -> None:
        self._database = database
