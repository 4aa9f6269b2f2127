"""The tables under the names that the statements use."""

from pqkit.models import table

JOB, READY, DELAYED, LEASE, CLOSED = (table(name) for name in ("job", "ready", "delayed", "lease", "closed"))
ATTEMPT, REFUSAL, HOLD, INTENT = (table(name) for name in ("attempt", "refusal", "unique_hold", "file_intent"))
WORKER, WORKER_TASK, QUEUE = (table(name) for name in ("worker", "worker_task", "queue"))
DUTY, ACTION, PROGRESS, LOG = (table(name) for name in ("duty", "action", "progress", "job_log"))
ROLLUP, SEAL, PULSE, DEPTH, FORECAST = (table(name) for name in ("rollup", "seal", "pulse", "depth", "forecast"))
SCHEDULE, SLOT, DEPENDENT, DEPENDENCY = (table(name) for name in ("schedule", "slot", "dependent", "dependency"))
ACCOUNT, LOGIN, THROTTLE, TOKEN = (table(name) for name in ("account", "login", "throttle", "token"))
DEVICE, SALT = table("device"), table("salt")
REDRIVE, REDRIVE_JOB = table("redrive"), table("redrive_job")
REQUEST = table("request")
EVENT = table("event")
TRACE = table("job_trace")
HOOK, HOOK_CALL = table("hook"), table("hook_call")
DUTY_FAILURE, CLOCK_STEP, TRAIL = (table(name) for name in ("duty_failure", "clock_step", "trail"))
