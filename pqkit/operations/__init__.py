"""Operators' verbs: each checks the state in its transaction and writes an audit row.

Entry points: ``operator`` (jobs and queues), ``schedules``, ``redrives``, ``key_rotation``, ``copy_database``,
``event_recording``; ``schedule_slots`` and ``action_seals`` serve them.

Who may import it: ``auth``, ``backup``, ``maintenance``, the facade, and the interfaces: ``cli``, ``api``, the
consoles. Permission is checked here, in the transaction, and not in the interfaces.

Start reading: ``operator``.
"""
