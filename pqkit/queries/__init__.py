"""All reads of a queue: consoles, CLI, REST and notebooks call these and write no SQL.

Times are integers: microseconds since 1970 UTC, as they are stored. Every function takes a ``Database`` first.

Entry points: ``job_views`` and ``job_search`` (lists and single jobs, with secrets hidden), ``job_filter`` (one filter
from a widget to the WHERE clause, in pages by key), ``overview`` and ``current_counts`` (counts of the whole queue),
``time_series`` and ``latency`` (data of charts), ``why``, ``audit_history``.

Who may import it: every package above it. It writes nothing.

Start reading: ``job_views``, then ``job_search``.
"""

from pqkit.db import Obstacle
from pqkit.queries.accounts import TokenView, UserView, tokens, users
from pqkit.queries.audit_trail import Entry, Trace, trail
from pqkit.queries.backup_gap import Since, latest, pruned, since
from pqkit.queries.bulk_selection import select_jobs, why_none
from pqkit.queries.chart_annotations import Bar, Mark, bars, marks, pauses
from pqkit.queries.current_counts import Standing, count_now, standing
from pqkit.queries.database_health import Health, health
from pqkit.queries.dependencies import BatchView, WaitView, batch, batches, members, waits
from pqkit.queries.event_stream import EventView, newest, stream
from pqkit.queries.failing_duties import FailingDuty, failing_duties
from pqkit.queries.failure_groups import FailureGroup, failure_groups
from pqkit.queries.forecasts import Forecast, Outlook, outlook
from pqkit.queries.job_filter import Filter
from pqkit.queries.job_search import AMONG, Matching, Paged, Searched, page, search
from pqkit.queries.job_views import (
    ActionView,
    AttemptView,
    JobDetail,
    JobView,
    LineView,
    ProgressView,
    arguments_of,
    as_stored,
    ids,
    ids_among,
    job,
    jobs,
    listed,
    tally,
)
from pqkit.queries.keyset_pagination import Key
from pqkit.queries.latency import Times, times
from pqkit.queries.limit_status import LimitsView, limits
from pqkit.queries.overview import (
    QueueView,
    Rates,
    Unserved,
    WorkerView,
    at_rest,
    counts,
    ended,
    misplaced,
    obstacle,
    queues,
    rates,
    unserved,
    workers,
)
from pqkit.queries.prometheus_counters import Metered, metered
from pqkit.queries.redrives import RedrivenJob, RedriveView, redrive, redriven, redrives
from pqkit.queries.schedules import SlotView, coming, schedule, schedules, slots
from pqkit.queries.selection_summary import Alike, Survey, last_line, survey
from pqkit.queries.time_series import Flow, Level, Span, flow, levels

__all__ = [
    "AMONG",
    "ActionView",
    "Alike",
    "AttemptView",
    "Bar",
    "BatchView",
    "Entry",
    "EventView",
    "FailingDuty",
    "FailureGroup",
    "Filter",
    "Flow",
    "Forecast",
    "Health",
    "JobDetail",
    "JobView",
    "Key",
    "Level",
    "LimitsView",
    "LineView",
    "Mark",
    "Matching",
    "Metered",
    "Obstacle",
    "Outlook",
    "Paged",
    "ProgressView",
    "QueueView",
    "Rates",
    "RedriveView",
    "RedrivenJob",
    "Searched",
    "Since",
    "SlotView",
    "Span",
    "Standing",
    "Survey",
    "Times",
    "TokenView",
    "Trace",
    "Unserved",
    "UserView",
    "WaitView",
    "WorkerView",
    "arguments_of",
    "as_stored",
    "at_rest",
    "bars",
    "batch",
    "batches",
    "coming",
    "count_now",
    "counts",
    "ended",
    "failing_duties",
    "failure_groups",
    "flow",
    "health",
    "ids",
    "ids_among",
    "job",
    "jobs",
    "last_line",
    "latest",
    "levels",
    "limits",
    "listed",
    "marks",
    "members",
    "metered",
    "misplaced",
    "newest",
    "obstacle",
    "outlook",
    "page",
    "pauses",
    "pruned",
    "queues",
    "rates",
    "redrive",
    "redriven",
    "redrives",
    "schedule",
    "schedules",
    "search",
    "select_jobs",
    "since",
    "slots",
    "standing",
    "stream",
    "survey",
    "tally",
    "times",
    "tokens",
    "trail",
    "unserved",
    "users",
    "waits",
    "why_none",
    "workers",
]
