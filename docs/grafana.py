"""Writes ``docs/grafana.json``, a dashboard for Grafana on pqkit's metrics: ``python docs/grafana.py``."""

import json
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent / "grafana.json"
SOURCE = {"type": "prometheus", "uid": "${source}"}
QUEUE = 'queue=~"$queue"'


def per_second(metric: str, by: str) -> str:
    return f"sum by ({by}) (rate({metric}{{{QUEUE}}}[$__rate_interval]))"


def quantile(metric: str, q: float) -> str:
    return f"histogram_quantile({q}, sum by (le) (rate({metric}_bucket{{{QUEUE}}}[$__rate_interval])))"


PANELS: list[tuple[str, str, dict[str, str]]] = [
    ("Jobs by state", "short", {"{{state}}": "pqkit_jobs"}),
    ("Waiting by queue", "short", {"{{queue}}": f'sum by (queue) (pqkit_queue_jobs{{{QUEUE}, state="pending"}})'}),
    ("Oldest pending", "s", {"{{queue}}": f"pqkit_queue_oldest_pending_seconds{{{QUEUE}}}"}),
    ("Came", "ops", {"{{queue}}": per_second("pqkit_enqueued_total", "queue")}),
    ("Ended", "ops", {"{{outcome}}": per_second("pqkit_runs_total", "outcome")}),
    ("Wait", "s", {f"p{q * 100:g}": quantile("pqkit_wait_seconds", q) for q in (0.5, 0.95, 0.99)}),
    ("Run", "s", {f"p{q * 100:g}": quantile("pqkit_run_seconds", q) for q in (0.5, 0.95, 0.99)}),
    ("Workers", "short", {"{{state}}": "pqkit_workers"}),
    ("Slots", "short", {"there": "pqkit_slots", "busy": "pqkit_slots_busy"}),
    ("Commits", "s", {"mean": "pqkit_commit_seconds", "slowest": "pqkit_commit_max_seconds"}),
    ("Database", "bytes", {"database": "pqkit_database_bytes", "log": "pqkit_log_bytes"}),
    ("Disk free", "bytes", {"free": "pqkit_disk_free_bytes"}),
]


def dashboard() -> dict[str, Any]:
    asked = {"query": "label_values(pqkit_queue_jobs, queue)", "refId": "queue"}
    variables = [
        {"name": "source", "type": "datasource", "query": "prometheus", "label": "Source"},
        {"name": "queue", "type": "query", "datasource": SOURCE, "query": asked, "includeAll": True, "multi": True}
        | {"label": "Queue", "refresh": 2, "current": {"text": "All", "value": "$__all"}},
    ]
    return {
        "title": "pqkit",
        "uid": "pqkit",
        "schemaVersion": 39,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": variables},
        "panels": [panel(number, *each) for number, each in enumerate(PANELS)],
    }


def panel(number: int, title: str, unit: str, lines: dict[str, str]) -> dict[str, Any]:
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": title,
        "datasource": SOURCE,
        "gridPos": {"x": number % 3 * 8, "y": number // 3 * 8, "w": 8, "h": 8},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(65 + at), "expr": expression, "legendFormat": legend, "datasource": SOURCE}
            for at, (legend, expression) in enumerate(lines.items())
        ],
    }


if __name__ == "__main__":
    TARGET.write_text(json.dumps(dashboard(), indent=1) + "\n")
