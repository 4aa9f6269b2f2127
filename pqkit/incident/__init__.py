"""Incidents: what happened in a span of time, from a snapshot of the record, without touching the queue."""

from pqkit.incident import advice, case
from pqkit.incident.changes import Change
from pqkit.incident.investigate import Death, Group, Incident, Suspect, investigate, recurring
from pqkit.incident.snapshot import snapshot

__all__ = ["Change", "Death", "Group", "Incident", "Suspect", "advice", "case", "investigate", "recurring", "snapshot"]
