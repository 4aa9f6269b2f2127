"""The verbs of operators: each checks the state inside its transaction and leaves a row in the audit trail.

Entry points: ``operator`` (jobs and queues), ``schedules``, ``redrives``, ``key_rotation``, ``copy_database``,
``event_recording``; ``schedule_slots`` and ``action_seals`` serve them.

Who may import it: ``auth``, ``backup``, ``maintenance``, the facade, and the faces: ``cli``, ``api``, the consoles.
Permission is asked here, in the transaction, and not in the faces.

Start reading: ``operator``.
"""
