"""The manager console acts, so it has a login. Start at ``page``; each tab has a module."""
