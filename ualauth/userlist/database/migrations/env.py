"""What Alembic runs: the migrations, in the transaction that `schema` began."""

from __future__ import annotations

from alembic import context

from ualauth.userlist.database.constraints import with_constraints

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=with_constraints(),
)
with context.begin_transaction():
    context.run_migrations()
