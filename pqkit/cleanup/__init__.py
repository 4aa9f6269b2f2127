"""Cleaning up files that jobs have left: the stamps by which a file names its job, and files that no job needs.

Entry points: ``stamped_files`` (finds and deletes them) and ``stamps`` (the stamp on top of a file).

Who may import it: the command line, the manager console and the demo.
"""
