"""Stores arguments and results as JSON, not JSONB, so that the checked text is kept.

JSONB writes 1e22 as an integer, -0.0 as 0.0, and sorts keys. PostgreSQL only: it rewrites the two tables.
Older programs keep working: the JSONB that they send is cast.
"""

from alembic import op

from pqkit.db.migrations.columns import on_postgresql

revision = "0014"
down_revision = "0013"

VIEW = "SELECT pg_get_viewdef('job_state'::regclass)"
GRANTS = """
SELECT format('GRANT %s ON job_state TO %s', privilege_type,
    CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END)
FROM pg_class, aclexplode(relacl) WHERE pg_class.oid = 'job_state'::regclass
"""


def upgrade() -> None:
    if not on_postgresql():
        return
    run = op.get_bind().exec_driver_sql
    view, grants = run(VIEW).scalar_one(), run(GRANTS).scalars().all()
    run("DROP VIEW job_state")  # PostgreSQL does not change the type of a column that a view uses
    run("ALTER TABLE job ALTER COLUMN args TYPE json USING args::json")
    run("ALTER TABLE closed ALTER COLUMN result TYPE json USING result::json")
    for text in (f"CREATE VIEW job_state AS {view}", *grants):
        run(text)
