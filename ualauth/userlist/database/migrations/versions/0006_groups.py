"""Groups, and what the server does about mailboxes.

Languages that were written as locales become tags of BCP 47, as far as they can.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ualauth.text.language import language_tag
from ualauth.userlist.database.tables import Key

revision = "0006"
down_revision = "0005"

_PARTS = (
    *("surname", "given_name", "initials", "generation", "common_name"),
    *("ou1", "ou2", "ou3", "ou4"),
)
_DECIDED = "UPDATE changes SET mark = randomblob(16) WHERE number = 0;"
_DECIDING = ("groups", "group_names", "group_addresses", "group_users", "group_groups")


def upgrade() -> None:
    """Add them."""
    op.add_column(
        "users", sa.Column("mailbox_limit", sa.Integer(), server_default="0", nullable=False)
    )
    for name in ("limit_outbound_mail", "limit_inbound_mail", "limit_notify_user", "hidden"):
        column: sa.Column[bool] = sa.Column(
            name, sa.Boolean(), server_default=sa.false(), nullable=False
        )
        op.add_column("users", column)
    _create_groups()
    _create_members()
    _correct_languages()
    if op.get_bind().dialect.name != "sqlite":
        return
    for table in _DECIDING:
        for event in ("INSERT", "UPDATE", "DELETE"):
            name = f"decided_{table}_{event.lower()}"
            op.execute(f"CREATE TRIGGER {name} AFTER {event} ON {table} BEGIN {_DECIDED} END")


def _create_groups() -> None:
    op.create_table(
        "groups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", Key(), nullable=False),
        sa.Column("or_name_key", Key(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        *(sa.Column(part, sa.Text(), nullable=False) for part in _PARTS),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 64", name=op.f("ck_groups_name")),
        sa.CheckConstraint("surname <> '' OR common_name <> ''", name=op.f("ck_groups_or_name")),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_groups_revision")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
        sa.UniqueConstraint("name_key", name=op.f("uq_groups_name_key")),
        sa.UniqueConstraint("or_name_key", name=op.f("uq_groups_or_name_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "group_names",
        sa.Column("key", Key(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("key <> ''", name=op.f("ck_group_names_key")),
        _foreign_key("group_names", "group_id", "groups"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_group_names")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_group_names_group_id"), "group_names", ["group_id"], unique=False)
    op.create_table(
        "group_addresses",
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        _foreign_key("group_addresses", "group_id", "groups"),
        sa.PrimaryKeyConstraint("group_id", "position", name=op.f("pk_group_addresses")),
        sqlite_with_rowid=False,
    )


def _create_members() -> None:
    op.create_table(
        "group_users",
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        _foreign_key("group_users", "group_id", "groups"),
        _foreign_key("group_users", "user_id", "users"),
        sa.PrimaryKeyConstraint("group_id", "user_id", name=op.f("pk_group_users")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_group_users_user_id"), "group_users", ["user_id"], unique=False)
    op.create_table(
        "group_groups",
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("group_id <> member_id", name=op.f("ck_group_groups_member_id")),
        _foreign_key("group_groups", "group_id", "groups"),
        _foreign_key("group_groups", "member_id", "groups"),
        sa.PrimaryKeyConstraint("group_id", "member_id", name=op.f("pk_group_groups")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_group_groups_member_id"), "group_groups", ["member_id"], unique=False)


def _foreign_key(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{other}")
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=name, ondelete="CASCADE")


def _correct_languages() -> None:
    connection = op.get_bind()
    users = sa.table("users", sa.column("language"))
    for (language,) in connection.execute(sa.select(users.c.language).distinct()).all():
        if (tag := language_tag(language)) != language:
            statement = sa.update(users).where(users.c.language == language)
            connection.execute(statement.values(language=tag))
