"""Keys that belong to the USERLIST as a whole."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

from ualauth.userlist.database.tables import Key

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add them, and make the one for mock salts."""
    table = op.create_table(
        "keys",
        sa.Column("name", Key(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_keys")),
        sqlite_with_rowid=False,
    )
    op.bulk_insert(table, [{"name": "pretence", "key": secrets.token_bytes(32)}])
