"""Statements as values: declared in Core (``pqkit.statements``), written out per database at build time (``compiled``).

Processes that run jobs read the written texts and never import SQLAlchemy, which would be half of their start and of
their memory. ``make sql`` writes ``compiled`` anew, and a test holds it to what Core says.
"""
