"""Processes of this machine: signals, exit codes, wake-ups, and processes left by handlers.

Entry points: ``linux`` (signals and the end of a process), ``orphans`` (finds and kills the processes that a handler
started and left behind) and ``wakeup_alignment`` (a common rhythm for the threads of a process).
Who may import it: everything that runs processes, from the rescuer to the command line. It knows no database.
Start reading: ``linux``.
"""
