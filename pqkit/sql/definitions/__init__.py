"""Every statement of the hot path and of operators, declared once in Core for all databases.

SQLite ignores ``with_for_update(skip_locked=True)``: ``BEGIN IMMEDIATE`` does its work there. Code that runs the
statements imports ``pqkit.sql.compiled``, because these modules import SQLAlchemy.
"""
