"""The manager console, which acts, with a login. Start at ``page``; each tab has a module."""
