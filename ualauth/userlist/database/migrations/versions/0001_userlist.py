"""The first tables of the USERLIST."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ualauth.userlist.database.tables import Key

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("authid", sa.Text(), nullable=False),
        sa.Column("authid_key", Key(), nullable=False),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("locked", sa.Boolean(create_constraint=True, name="locked"), nullable=False),
        sa.Column("account_expires", sa.BigInteger(), nullable=True),
        sa.Column("password_changed", sa.BigInteger(), nullable=True),
        sa.Column("password_expires", sa.BigInteger(), nullable=True),
        sa.Column(
            "administrator",
            sa.Boolean(create_constraint=True, name="administrator"),
            nullable=False,
        ),
        sa.Column(
            "mailbox_administrator",
            sa.Boolean(create_constraint=True, name="mailbox_administrator"),
            nullable=False,
        ),
        sa.Column("unix_uid", sa.BigInteger(), nullable=True),
        sa.Column("mailbox_class", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("surname", sa.Text(), nullable=False),
        sa.Column("given_name", sa.Text(), nullable=False),
        sa.Column("initials", sa.Text(), nullable=False),
        sa.Column("generation", sa.Text(), nullable=False),
        sa.Column("common_name", sa.Text(), nullable=False),
        sa.Column("ou1", sa.Text(), nullable=False),
        sa.Column("ou2", sa.Text(), nullable=False),
        sa.Column("ou3", sa.Text(), nullable=False),
        sa.Column("ou4", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "mailbox_class IN ('full', 'limited')", name=op.f("ck_users_mailbox_class")
        ),
        sa.CheckConstraint("password <> ''", name=op.f("ck_users_password")),
        sa.CheckConstraint("surname <> '' OR common_name <> ''", name=op.f("ck_users_name")),
        sa.CheckConstraint("length(authid) BETWEEN 1 AND 255", name=op.f("ck_users_authid")),
        sa.CheckConstraint("length(language) <= 35", name=op.f("ck_users_language")),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_users_revision")),
        sa.CheckConstraint("unix_uid BETWEEN 0 AND 4294967294", name=op.f("ck_users_unix_uid")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("authid_key", name=op.f("uq_users_authid_key")),
        sa.UniqueConstraint("unix_uid", name=op.f("uq_users_unix_uid")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "addresses",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.CheckConstraint("length(address) BETWEEN 3 AND 254", name=op.f("ck_addresses_address")),
        sa.CheckConstraint("position >= 0", name=op.f("ck_addresses_position")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_addresses_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "position", name=op.f("pk_addresses")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "login_names",
        sa.Column("key", Key(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("key <> ''", name=op.f("ck_login_names_key")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_login_names_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_login_names")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_login_names_user_id"), "login_names", ["user_id"], unique=False)
    op.create_table(
        "or_names",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name_key", Key(), nullable=False),
        sa.Column("personal_key", Key(), nullable=False),
        sa.Column("surname_key", Key(), nullable=False),
        sa.Column("given_name_key", Key(), nullable=False),
        sa.Column("initials_key", Key(), nullable=False),
        sa.Column("generation_key", Key(), nullable=False),
        sa.Column("common_name_key", Key(), nullable=False),
        sa.Column("ou1_key", Key(), nullable=False),
        sa.Column("ou2_key", Key(), nullable=False),
        sa.Column("ou3_key", Key(), nullable=False),
        sa.Column("ou4_key", Key(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_or_names_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_or_names")),
        sa.UniqueConstraint("name_key", name=op.f("uq_or_names_name_key")),
    )
    op.create_index(
        op.f("ix_or_names_common_name_key"), "or_names", ["common_name_key"], unique=False
    )
    op.create_index(op.f("ix_or_names_personal_key"), "or_names", ["personal_key"], unique=False)
    op.create_index(
        op.f("ix_or_names_surname_key_given_name_key"),
        "or_names",
        ["surname_key", "given_name_key"],
        unique=False,
    )
    op.create_index(
        op.f("ix_or_names_surname_key_ou1_key"),
        "or_names",
        ["surname_key", "ou1_key"],
        unique=False,
    )
    op.create_table(
        "sasl_passwords",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("mechanism", Key(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("iterations", sa.Integer(), nullable=False),
        sa.Column("stored_key", sa.LargeBinary(), nullable=False),
        sa.Column("server_key", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("iterations >= 1", name=op.f("ck_sasl_passwords_iterations")),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_sasl_passwords_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "mechanism", name=op.f("pk_sasl_passwords")),
        sqlite_with_rowid=False,
    )
