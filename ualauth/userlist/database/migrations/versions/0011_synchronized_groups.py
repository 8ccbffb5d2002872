"""Which group is which entry of a directory."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ualauth.userlist.database.tables import Key

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "sync_groups",
        sa.Column("agreement_id", sa.Integer(), nullable=False),
        sa.Column("guid", Key(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("deleted", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["agreement_id"],
            ["sync_agreements.id"],
            name=op.f("fk_sync_groups_agreement_id_sync_agreements"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["groups.id"],
            name=op.f("fk_sync_groups_group_id_groups"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("agreement_id", "guid", name=op.f("pk_sync_groups")),
        sa.UniqueConstraint("group_id", name=op.f("uq_sync_groups_group_id")),
        sqlite_with_rowid=False,
    )
