"""Every SQL statement as a value, with a text for each database.

They are declared in SQLAlchemy Core (``pqkit.sql.definitions``) and written out at build time (``compiled``).
Processes that run jobs read the written texts and never import SQLAlchemy, which would double their start time and
their memory. ``make sql`` writes ``compiled``, and ``make sql-check`` compares it with the declarations.
"""
