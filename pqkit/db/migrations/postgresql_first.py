"""The first schema's part for PostgreSQL only: cleanup of deleted jobs, and vacuum settings."""

from collections.abc import Iterator

Storage = dict[str, float | str]

FORGET = """
CREATE FUNCTION pqkit_forget_jobs() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM attempt WHERE job_id IN (SELECT id FROM gone);
    DELETE FROM closed WHERE job_id IN (SELECT id FROM gone);
    DELETE FROM delayed WHERE job_id IN (SELECT id FROM gone);
    DELETE FROM lease WHERE job_id IN (SELECT id FROM gone);
    RETURN NULL;
END $$
"""
FORGET_TRIGGER = """
CREATE TRIGGER job_forgotten AFTER DELETE ON job REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION pqkit_forget_jobs()
"""
# Rows live for moments: vacuum by a count of dead rows and not by a share of the table, at full speed, and without
# truncation, which would lock out all other transactions.
_QUICK: Storage = {
    "autovacuum_vacuum_scale_factor": 0,
    "autovacuum_vacuum_threshold": 1000,
    "autovacuum_vacuum_cost_delay": 0,
    "autovacuum_analyze_scale_factor": 0,
    "autovacuum_analyze_threshold": 5000,
    "vacuum_truncate": "off",
}
# Rows are only added, and pruned in bulk.
_GROWING: Storage = {"autovacuum_vacuum_scale_factor": 0.02, "autovacuum_analyze_scale_factor": 0.02}
# A few rows, updated each second: free space on the page keeps a row's next version on the same page.
_BEATING: Storage = {**_QUICK, "autovacuum_vacuum_threshold": 200, "fillfactor": 50}
TUNED: dict[str, Storage] = {
    "ready": _QUICK,
    "lease": _QUICK,
    "delayed": _QUICK,
    "progress": _QUICK,
    "unique_hold": _QUICK,
    "file_intent": _QUICK,
    "worker": _BEATING,
    "duty": _BEATING,
    "job": _GROWING,
    "attempt": _GROWING,
    "closed": _GROWING,
}


def statements() -> Iterator[str]:
    yield FORGET
    yield FORGET_TRIGGER
    for table, settings in TUNED.items():
        yield f"ALTER TABLE {table} SET ({', '.join(f'{name} = {value}' for name, value in settings.items())})"
