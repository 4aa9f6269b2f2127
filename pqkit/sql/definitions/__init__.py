"""Every statement of the hot path and of the operators' verbs, declared once in Core for every database.

``with_for_update(skip_locked=True)`` is dropped on SQLite, where ``BEGIN IMMEDIATE`` does its work. Whoever runs them
reads ``pqkit.sql.compiled``; these modules import SQLAlchemy.
"""
