"""Verified backups, restoring, drills, and moving a whole queue to another database."""
