"""Incidents: investigate a span of time on a snapshot, without touching the queue."""

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
