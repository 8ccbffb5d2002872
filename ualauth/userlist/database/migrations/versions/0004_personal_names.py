"""Shortened O/R names are found sooner.

Whole personal names are looked up in the key of names, which begins with them, and a
given name beside a mail node in an index that has both.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Take away the column of whole personal names, and put one more into an index."""
    op.drop_index(op.f("ix_or_names_personal_key"), table_name="or_names")
    op.drop_column("or_names", "personal_key")
    op.drop_index(op.f("ix_or_names_surname_key_ou1_key"), table_name="or_names")
    op.create_index(
        op.f("ix_or_names_surname_key_ou1_key_given_name_key"),
        "or_names",
        ["surname_key", "ou1_key", "given_name_key"],
        unique=False,
    )
