"""Runs Alembic in the caller's transaction, so that a failed upgrade leaves nothing behind."""

from alembic import context

from pqkit.models import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=context.config.attributes["version_table"],
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
