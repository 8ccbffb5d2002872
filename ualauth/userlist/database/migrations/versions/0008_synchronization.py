"""Agreements: what is synchronized from which directory, which user or group is which entry.

No login asks for any of it, so no trigger says that it changed: the users say that themselves.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ualauth.userlist.database.tables import Key

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "sync_agreements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", Key(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("managed", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="", nullable=False),
        sa.Column("lease_holder", sa.Text(), server_default="", nullable=False),
        sa.Column("lease_until", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_agreements")),
        sa.UniqueConstraint("name", name=op.f("uq_sync_agreements_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sync_links",
        sa.Column("agreement_id", sa.Integer(), nullable=False),
        sa.Column("guid", Key(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("deleted", sa.BigInteger(), nullable=True),
        sa.Column("was_locked", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("was_reason", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["agreement_id"],
            ["sync_agreements.id"],
            name=op.f("fk_sync_links_agreement_id_sync_agreements"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_sync_links_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("agreement_id", "guid", name=op.f("pk_sync_links")),
        sa.UniqueConstraint("user_id", name=op.f("uq_sync_links_user_id")),
        sqlite_with_rowid=False,
    )
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
