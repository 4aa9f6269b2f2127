"""The demo: a producer that writes files, and a task that stamps each of them once."""
