"""Restrictions and policy of a user, former passwords, failed logins."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ualauth.userlist.database.tables import Key

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add them."""
    for column in (
        sa.Column("account_starts", sa.BigInteger(), nullable=True),
        sa.Column("lock_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("must_change_password", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("policy", sa.Text(), server_default="", nullable=False),
        sa.Column("grace_logins_used", sa.Integer(), server_default="0", nullable=False),
    ):
        op.add_column("users", column)
    op.create_table(
        "former_passwords",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_former_passwords_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "number", name=op.f("pk_former_passwords")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "login_failures",
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("source", Key(), nullable=False),
        sa.Column("moments", sa.Text(), nullable=False),
        sa.Column("locked_until", sa.BigInteger(), nullable=False),
        sa.Column("forgotten", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "source", name=op.f("pk_login_failures")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_login_failures_forgotten"), "login_failures", ["forgotten"], unique=False
    )
