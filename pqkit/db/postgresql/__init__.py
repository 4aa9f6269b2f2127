"""PostgreSQL, driven by psycopg 3. Imported only if a URL asks for it."""

from pqkit.db.postgresql.database import PostgresDatabase

__all__ = ["PostgresDatabase"]
