"""Processes of this machine: signals, exit codes, wake-ups, and the processes that handlers leave behind.

Entry points: ``linux`` (signals and the end of a process), ``orphans`` (finds and ends the processes that a handler has
started and left) and ``wakeups`` (the common rhythm of a process's threads).

Who may import it: everything that runs processes, from the rescuer to the command line. It knows no database.

Start reading: ``linux``.
"""
