"""The manager console: it acts, so it asks who is there. ``page`` puts it together; a module for each tab."""
