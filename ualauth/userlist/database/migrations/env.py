"""What Alembic runs: the migrations, in the transaction that `schema` began."""

from __future__ import annotations

from alembic import context

from ualauth.userlist.database.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
)
with context.begin_transaction():
    context.run_migrations()
