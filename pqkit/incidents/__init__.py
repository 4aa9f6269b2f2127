"""Incidents: what happened in a span of time, from a snapshot of the record, without touching the queue."""

from pqkit.incidents import suggested_commands, time_span
from pqkit.incidents.change_points import Change
from pqkit.incidents.investigation import Death, Group, Incident, Suspect, investigate, recurring
from pqkit.incidents.snapshot import snapshot

__all__ = [
    "Change",
    "Death",
    "Group",
    "Incident",
    "Suspect",
    "investigate",
    "recurring",
    "snapshot",
    "suggested_commands",
    "time_span",
]
