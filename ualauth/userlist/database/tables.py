"""The tables of the USERLIST.

The migrations create them; a test compares the two. What the database refuses is in
`constraints`: a question has no use for it. Times are whole microseconds since 1970 in UTC:
exact, and the same in every database.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    false,
)
from sqlalchemy.ext.compiler import compiles

from ualauth.userlist.names import LIMITS

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    },
)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean(create_constraint=True, name=name), nullable=False)


class Key(Text):
    """Text that is only compared, octet by octet, and therefore alike everywhere.

    PostgreSQL would order it by the language of its host, whose rules change
    now and then: the indexes are wrong from then on.
    """


@compiles(Key, "postgresql")
def _key_type(_: Key, compiler: Any, **__: object) -> str:  # noqa: ANN401 - SQLAlchemy's
    return 'TEXT COLLATE "C"' if getattr(compiler.dialect, "collates", True) else "TEXT"


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _key(name: str) -> Column[str]:
    return Column(name, Key, nullable=False)


def _owner(**options: bool) -> Column[int]:
    return Column(
        "user_id",
        Integer,
        ForeignKey("users.id", ondelete="CASCADE"),
        nullable=False,
        **options,  # type: ignore[arg-type]
    )


def _group(**options: bool) -> Column[int]:
    return Column(
        "group_id",
        Integer,
        ForeignKey("groups.id", ondelete="CASCADE"),
        nullable=False,
        **options,  # type: ignore[arg-type]
    )


# Companies that are hosted: each is a mail node (OU1), `name` as it is written.
companies = Table(
    "companies",
    metadata,
    Column("id", Integer, primary_key=True),
    _text("name"),
    Column("name_key", Key, nullable=False, unique=True),
    # 0: as many as there may be.
    Column("user_limit", Integer, nullable=False, server_default="0"),
    # Whose users a name without a domain may mean.
    Column("is_default", Boolean, nullable=False, server_default=false(), index=True),
    # What is other than in `ualauth.toml`, as users may have it.
    Column("policy", Text, nullable=False, server_default=""),
    # When it was deleted; it is there until it is purged.
    Column("deleted", BigInteger),
    Column("revision", Integer, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

# The domains of companies: in ASCII, in lower case.
company_domains = Table(
    "company_domains",
    metadata,
    Column("key", Key, primary_key=True),
    Column(
        "company_id",
        Integer,
        ForeignKey("companies.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    sqlite_with_rowid=False,
)


def _company() -> Column[int]:
    """Return whose a row is; NULL is the server's own, and all rows' without hosting.

    SQLite adds no constraint to a table that is there. Ids of companies are never used again.
    """
    return Column("company_id", Integer)


users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    _text("authid"),
    Column("authid_key", Key, nullable=False, unique=True),
    Column("password", Text),
    _flag("locked"),
    Column("account_expires", BigInteger),
    Column("password_changed", BigInteger),
    Column("password_expires", BigInteger),
    _flag("administrator"),
    _flag("mailbox_administrator"),
    Column("unix_uid", BigInteger, unique=True),
    _text("mailbox_class"),
    _text("language"),
    Column("revision", Integer, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    _text("surname"),
    _text("given_name"),
    _text("initials"),
    _text("generation"),
    _text("common_name"),
    _text("ou1"),
    _text("ou2"),
    _text("ou3"),
    _text("ou4"),
    Column("account_starts", BigInteger),
    Column("lock_reason", Text, nullable=False, server_default=""),
    Column("must_change_password", Boolean, nullable=False, server_default=false()),
    Column("policy", Text, nullable=False, server_default=""),
    # Logins with an expired password since it expired.
    Column("grace_logins_used", Integer, nullable=False, server_default="0"),
    # In MB; 0 is the server's default.
    Column("mailbox_limit", Integer, nullable=False, server_default="0"),
    Column("limit_outbound_mail", Boolean, nullable=False, server_default=false()),
    Column("limit_inbound_mail", Boolean, nullable=False, server_default=false()),
    Column("limit_notify_user", Boolean, nullable=False, server_default=false()),
    Column("hidden", Boolean, nullable=False, server_default=false()),
    _company(),
    # Ids are never used again: a record that a process still holds must not
    # come to mean another user.
    sqlite_autoincrement=True,
)

# Everything that a user may log in by as a whole: authids and addresses,
# folded. One key belongs to one user, so no user's authid is another's address;
# a user whose authid is also an address has one row for both.
login_names = Table(
    "login_names",
    metadata,
    Column("key", Key, primary_key=True),
    _owner(index=True),
    sqlite_with_rowid=False,
)

addresses = Table(
    "addresses",
    metadata,
    _owner(primary_key=True),
    Column("position", Integer, primary_key=True),  # the primary address has 0
    Column("address", Text, nullable=False),
    sqlite_with_rowid=False,
)

# The folded parts of O/R names, apart from `users` to keep its rows short.
or_names = Table(
    "or_names",
    metadata,
    _owner(primary_key=True),
    Column("name_key", Key, nullable=False, unique=True),
    _key("surname_key"),
    _key("given_name_key"),
    _key("initials_key"),
    _key("generation_key"),
    _key("common_name_key"),
    _key("ou1_key"),
    _key("ou2_key"),
    _key("ou3_key"),
    _key("ou4_key"),
    # The same as that of the user: what a name means is looked for in one company.
    _company(),
    Index(None, "surname_key", "given_name_key"),
    Index(None, "surname_key", "ou1_key", "given_name_key"),
    Index(None, "common_name_key"),
    Index(None, "ou1_key", "ou2_key", "ou3_key", "ou4_key"),
)

# UL-SASL-PWD: what SCRAM needs of a password.
sasl_passwords = Table(
    "sasl_passwords",
    metadata,
    _owner(primary_key=True),
    Column("mechanism", Key, primary_key=True),
    Column("salt", LargeBinary, nullable=False),
    Column("iterations", Integer, nullable=False),
    Column("stored_key", LargeBinary, nullable=False),
    Column("server_key", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# What UL-PWD was before, so that no user goes back to it; the newest has the highest number.
former_passwords = Table(
    "former_passwords",
    metadata,
    _owner(primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("password", Text, nullable=False),
    sqlite_with_rowid=False,
)

# The last login of each user who ever logged in, to the hour: it is only noted.
last_logins = Table(
    "last_logins",
    metadata,
    _owner(primary_key=True),
    Column("moment", BigInteger, nullable=False),
    _text("service"),
    _text("source"),
    sqlite_with_rowid=False,
)

# Failed logins of a name from a source. Names are digests: people type passwords there.
login_failures = Table(
    "login_failures",
    metadata,
    Column("name", LargeBinary, primary_key=True),
    Column("source", Key, primary_key=True),
    Column(
        "moments", Text, nullable=False
    ),  # of the failures that still count; with a minus, of guesses being checked
    Column("locked_until", BigInteger, nullable=False),  # 0: is not
    Column("forgotten", BigInteger, nullable=False, index=True),  # when nothing of it counts
    sqlite_with_rowid=False,
)

# What users and hosts submitted within the last hour (`account.submitted`). Keys are digests, as
# some users are no user's of the USERLIST.
submissions = Table(
    "submissions",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    _text("counts"),
    Column("forgotten", BigInteger, nullable=False, index=True),  # when nothing of it counts
    sqlite_with_rowid=False,
)

groups = Table(
    "groups",
    metadata,
    Column("id", Integer, primary_key=True),
    _text("name"),
    Column("name_key", Key, nullable=False, unique=True),
    # The folded O/R name.
    Column("or_name_key", Key, nullable=False, unique=True),
    Column("revision", Integer, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    *(_text(part) for part in LIMITS),
    _company(),
    Index(None, "ou1", "ou2", "ou3", "ou4"),
    sqlite_autoincrement=True,
)

# Names and addresses of groups, folded. That none of them is a user's is seen to by those who
# write (`database.turns`), so that a login looks into the names of users only.
group_names = Table(
    "group_names",
    metadata,
    Column("key", Key, primary_key=True),
    _group(index=True),
    sqlite_with_rowid=False,
)

group_addresses = Table(
    "group_addresses",
    metadata,
    _group(primary_key=True),
    Column("position", Integer, primary_key=True),  # the primary address has 0
    Column("address", Text, nullable=False),
    sqlite_with_rowid=False,
)

# The members of groups, users and other groups.
group_users = Table(
    "group_users",
    metadata,
    _group(primary_key=True),
    _owner(primary_key=True, index=True),
    sqlite_with_rowid=False,
)
group_groups = Table(
    "group_groups",
    metadata,
    _group(primary_key=True),
    Column(
        "member_id",
        Integer,
        ForeignKey("groups.id", ondelete="CASCADE"),
        primary_key=True,
        index=True,
        nullable=False,
    ),
    sqlite_with_rowid=False,
)

# What is synchronized from a directory: the settings and the state are JSON, the fields that the
# directory manages have commas between them. The lease belongs to the run in progress.
sync_agreements = Table(
    "sync_agreements",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Key, nullable=False, unique=True),
    _text("settings"),
    _text("managed"),
    Column("state", Text, nullable=False, server_default=""),
    Column("lease_holder", Text, nullable=False, server_default=""),
    Column("lease_until", BigInteger, nullable=False, server_default="0"),
    _company(),
    sqlite_autoincrement=True,
)

# Which user is which entry of a directory; `deleted` is since when the entry is gone, and what
# the user's lock was before that is put back when the entry returns.
sync_links = Table(
    "sync_links",
    metadata,
    Column(
        "agreement_id",
        Integer,
        ForeignKey("sync_agreements.id", ondelete="CASCADE"),
        primary_key=True,
        nullable=False,
    ),
    Column("guid", Key, primary_key=True),
    _owner(unique=True),
    Column("deleted", BigInteger),
    Column("was_locked", Boolean, nullable=False, server_default=false()),
    Column("was_reason", Text, nullable=False, server_default=""),
    sqlite_with_rowid=False,
)

HOSTING = "hosting"
"""The row of `keys` that is there while companies are hosted."""
# Which group is which entry of a directory; `deleted` is since when the entry is gone.
sync_groups = Table(
    "sync_groups",
    metadata,
    Column(
        "agreement_id",
        Integer,
        ForeignKey("sync_agreements.id", ondelete="CASCADE"),
        primary_key=True,
        nullable=False,
    ),
    Column("guid", Key, primary_key=True),
    _group(unique=True),
    Column("deleted", BigInteger),
    sqlite_with_rowid=False,
)

# What belongs to the USERLIST as a whole, such as the key of the mock secrets.
keys = Table(
    "keys",
    metadata,
    Column("name", Key, primary_key=True),
    Column("key", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

GROUPS = 1 << 40
"""What is added to the id of a group in `search_texts`: ids of users are less."""

search_texts = Table(
    "search_texts",
    # Each database makes its own of the records (`search_index`): no copy of a USERLIST has it.
    MetaData(),
    Column("rowid", BigInteger, primary_key=True, autoincrement=False),
    Column("names", Text, nullable=False),
    Column("logins", Text, nullable=False),
    Column("node", Text, nullable=False),
)
"""Names of people and groups; authids and addresses; mail nodes: of users and groups."""
