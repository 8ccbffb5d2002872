"""What the database itself refuses, and its indexes, which the migrations create.

Questions have no use for them: no login loads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    MetaData,
    UniqueConstraint,
    text,
)

from ualauth.userlist.database.tables import metadata

_CHECKS = (
    ("companies", "name", "length(name) BETWEEN 1 AND 32"),
    ("companies", "user_limit", "user_limit >= 0"),
    ("company_domains", "key", "key <> ''"),
    ("users", "authid", "length(authid) BETWEEN 1 AND 255"),
    ("users", "password", "password <> ''"),
    ("users", "unix_uid", "unix_uid BETWEEN 0 AND 4294967294"),
    ("users", "mailbox_class", "mailbox_class IN ('full', 'limited')"),
    ("users", "language", "length(language) <= 35"),
    ("users", "revision", "revision >= 1"),
    ("users", "name", "surname <> '' OR common_name <> ''"),
    ("login_names", "key", "key <> ''"),
    ("addresses", "position", "position >= 0"),
    ("addresses", "address", "length(address) BETWEEN 3 AND 254"),
    ("sasl_passwords", "iterations", "iterations >= 1"),
    ("groups", "name", "length(name) BETWEEN 1 AND 64"),
    ("groups", "or_name", "surname <> '' OR common_name <> ''"),
    ("groups", "revision", "revision >= 1"),
    ("group_names", "key", "key <> ''"),
    ("group_groups", "member_id", "group_id <> member_id"),
)
"""Table, name, and what is true of each row."""
_FLAGS = (("users", "locked"), ("users", "administrator"), ("users", "mailbox_administrator"))
"""What SQLite, which has no type for it, is told to be true or false: others came later."""
_UNIQUE = (
    ("companies", "name_key"),
    ("users", "authid_key"),
    ("users", "unix_uid"),
    ("or_names", "name_key"),
    ("groups", "name_key"),
    ("groups", "or_name_key"),
    ("sync_agreements", "name"),
    ("sync_links", "user_id"),
    ("sync_groups", "group_id"),
)
"""Table, and the column that has no value twice."""
_REFERENCES = (
    ("company_domains", "company_id", "companies"),
    ("login_names", "user_id", "users"),
    ("addresses", "user_id", "users"),
    ("or_names", "user_id", "users"),
    ("sasl_passwords", "user_id", "users"),
    ("former_passwords", "user_id", "users"),
    ("last_logins", "user_id", "users"),
    ("group_names", "group_id", "groups"),
    ("group_addresses", "group_id", "groups"),
    ("group_users", "group_id", "groups"),
    ("group_users", "user_id", "users"),
    ("group_groups", "group_id", "groups"),
    ("group_groups", "member_id", "groups"),
    ("sync_links", "agreement_id", "sync_agreements"),
    ("sync_links", "user_id", "users"),
    ("sync_groups", "agreement_id", "sync_agreements"),
    ("sync_groups", "group_id", "groups"),
)
"""Table, column, and the table whose id it is: with a row go those that refer to it."""
_INDEXES = (
    ("companies", "is_default"),
    ("company_domains", "company_id"),
    ("login_names", "user_id"),
    ("or_names", "surname_key", "given_name_key"),
    ("or_names", "surname_key", "ou1_key", "given_name_key"),
    ("or_names", "common_name_key"),
    ("or_names", "ou1_key", "ou2_key", "ou3_key", "ou4_key"),
    ("login_failures", "forgotten"),
    ("groups", "ou1", "ou2", "ou3", "ou4"),
    ("group_names", "group_id"),
    ("group_users", "user_id"),
    ("group_groups", "member_id"),
)
"""Table, columns."""
_INDEXES_OF_COMPANIES = (
    ("users", "authid_key"),
    ("or_names", "surname_key", "given_name_key"),
    ("or_names", "common_name_key"),
    ("or_names", "name_key"),
    ("groups", "name_key"),
)
"""The same, behind `company_id`: they have nothing, and cost nothing, without hosting."""


@cache
def with_constraints() -> MetaData:
    """Return the tables as the migrations leave them."""
    for table, name, condition in _CHECKS:
        metadata.tables[table].append_constraint(CheckConstraint(condition, name))
    for table, name in _FLAGS:
        check = CheckConstraint(f"{name} IN (0, 1)", name).ddl_if(dialect="sqlite")
        metadata.tables[table].append_constraint(check)
    for table, name in _UNIQUE:
        metadata.tables[table].append_constraint(UniqueConstraint(name))
    for table, name, other in _REFERENCES:
        reference = ForeignKeyConstraint([name], [f"{other}.id"], ondelete="CASCADE")
        metadata.tables[table].append_constraint(reference)
    for table, *columns in _INDEXES:
        Index(None, *_columns(table, columns))
    is_set = text("company_id IS NOT NULL")
    for table, *columns in _INDEXES_OF_COMPANIES:
        own = _columns(table, ["company_id", *columns])
        Index(None, *own, sqlite_where=is_set, postgresql_where=is_set)
    return metadata


def _columns(table: str, names: Sequence[str]) -> list[Column[Any]]:
    columns = metadata.tables[table].c
    return [columns[name] for name in names]
