"""Companies that are hosted, and whose each user, group and agreement is.

Until hosting is switched on, all are the server's: the new columns and indexes have nothing.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ualauth.userlist.database.tables import Key

revision = "0009"
down_revision = "0008"

_DECIDED = "UPDATE changes SET mark = randomblob(16) WHERE number = 0;"
_INDEXES = (
    ("users", "authid_key"),
    ("or_names", "surname_key", "given_name_key"),
    ("or_names", "common_name_key"),
    ("or_names", "name_key"),
    ("groups", "name_key"),
)


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "companies",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", Key(), nullable=False),
        sa.Column("user_limit", sa.Integer(), server_default="0", nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("policy", sa.Text(), server_default="", nullable=False),
        sa.Column("deleted", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 32", name=op.f("ck_companies_name")),
        sa.CheckConstraint("user_limit >= 0", name=op.f("ck_companies_user_limit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_companies")),
        sa.UniqueConstraint("name_key", name=op.f("uq_companies_name_key")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_companies_is_default"), "companies", ["is_default"], unique=False)
    op.create_table(
        "company_domains",
        sa.Column("key", Key(), nullable=False),
        sa.Column("company_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("key <> ''", name=op.f("ck_company_domains_key")),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
            name=op.f("fk_company_domains_company_id_companies"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_company_domains")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_company_domains_company_id"), "company_domains", ["company_id"], unique=False
    )
    for table in ("users", "or_names", "groups", "sync_agreements"):
        op.add_column(table, sa.Column("company_id", sa.Integer()))
    is_set = sa.text("company_id IS NOT NULL")
    for table, *columns in _INDEXES:
        op.create_index(
            op.f("_".join(["ix", table, "company_id", *columns])),
            table,
            ["company_id", *columns],
            unique=False,
            sqlite_where=is_set,
            postgresql_where=is_set,
        )
    if op.get_bind().dialect.name != "sqlite":
        return
    for table in ("companies", "company_domains"):
        for event in ("INSERT", "UPDATE", "DELETE"):
            name = f"decided_{table}_{event.lower()}"
            op.execute(f"CREATE TRIGGER {name} AFTER {event} ON {table} BEGIN {_DECIDED} END")
