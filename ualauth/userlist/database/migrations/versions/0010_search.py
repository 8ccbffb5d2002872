"""An index of parts of names, for searches; see `database.search_index`."""

from __future__ import annotations

from alembic import op

from ualauth.userlist.database import search_index

revision = "0010"
down_revision = "0008"


def upgrade() -> None:
    """Create and fill it."""
    connection = op.get_bind()
    search_index.create(connection)
    search_index.fill(connection)
