"""What no question has a use for: checks of the tables, and partial indexes, of the migrations."""

from __future__ import annotations

from functools import cache

from sqlalchemy import CheckConstraint, Index, MetaData, text

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

_OF_COMPANIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("users", ("authid_key",)),
    ("or_names", ("surname_key", "given_name_key")),
    ("or_names", ("common_name_key",)),
    ("or_names", ("name_key",)),
    ("groups", ("name_key",)),
)
"""Table, and columns of its index by company, which has nothing, and costs nothing, without any."""


@cache
def with_constraints() -> MetaData:
    """Return the tables as the migrations leave them."""
    for table, name, condition in _CHECKS:
        metadata.tables[table].append_constraint(CheckConstraint(condition, name))
    is_set = text("company_id IS NOT NULL")
    for table, columns in _OF_COMPANIES:
        named = [metadata.tables[table].c[each] for each in ("company_id", *columns)]
        Index(None, *named, sqlite_where=is_set, postgresql_where=is_set)
    return metadata
