"""Keeping a queue safe: verified backups, restoring, drills, and moving a whole queue to another database."""
