"""How much mail users and hosts have submitted within the last hour.

It is only counted: no trigger says that it changed, so nothing that is remembered ends.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "submissions",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("forgotten", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_submissions")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_submissions_forgotten"), "submissions", ["forgotten"], unique=False)
