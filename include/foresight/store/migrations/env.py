"""Run by Alembic: migrates through the connection that ``foresight.store.schema`` hands over."""

from __future__ import annotations

from alembic import context

from foresight.store.migrations import VERSION_TABLE
from foresight.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
