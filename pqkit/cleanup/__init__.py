"""Cleans up files left by jobs: stamps by which a file names its job, and unneeded files.

Entry points: ``stamped_files`` (finds and deletes them) and ``file_stamps`` (the stamp at the top of a file).
Who may import it: the command line, the manager console and the demo.
"""
