"""SQLite in WAL mode: connections, the write lock, and waiting for another process's commit.

Entry points: ``database`` (the implementation of ``pqkit.db.base.Database``), ``write_transaction``,
``write_lock_queue``, ``commit_watcher`` (inotify on the write-ahead log) and ``file_creation``.

Who may import it: ``pqkit.db``, which chooses it; tests, the lab and benchmarks reach into it.
"""
