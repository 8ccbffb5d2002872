"""An index of parts of names, for searches (`database.search_index`), and of mail nodes."""

from __future__ import annotations

from alembic import op

from ualauth.userlist.database import search_index

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Create and fill it."""
    connection = op.get_bind()
    search_index.create(connection)
    search_index.fill(connection)
    units = ("ou1", "ou2", "ou3", "ou4")
    op.create_index(
        op.f("ix_or_names_ou1_key_ou2_key_ou3_key_ou4_key"),
        "or_names",
        [f"{unit}_key" for unit in units],
    )
    op.create_index(op.f("ix_groups_ou1_ou2_ou3_ou4"), "groups", [*units])
