"""What changed is written down, so that what is only noted ends nothing that is remembered.

Only SQLite has it: other databases are asked for the record at each login.
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

_DECIDED = "UPDATE changes SET mark = randomblob(16) WHERE number = 0;"
# 500 entries are kept: a process that was away for longer reads the failures anew.
_NOTED = """
    INSERT INTO changes (mark, key) VALUES (randomblob(16), substr(new.name, 1, 16));
    DELETE FROM changes WHERE number BETWEEN 1 AND last_insert_rowid() - 500;
"""

# What a new row of `users` or of `addresses` belongs to can be found only by its names.
_DECIDING = {
    "users": ("UPDATE", "DELETE"),
    "login_names": ("INSERT", "UPDATE", "DELETE"),
    "or_names": ("INSERT", "UPDATE", "DELETE"),
    "addresses": ("INSERT", "UPDATE", "DELETE"),
}
_COLUMNS = ("name", "source", "moments", "locked_until")
_OTHERS = " OR ".join(f"new.{column} IS NOT old.{column}" for column in _COLUMNS)


def upgrade() -> None:
    """Add the table and the triggers that fill it."""
    if op.get_bind().dialect.name != "sqlite":
        return
    op.execute(
        "CREATE TABLE changes (number INTEGER NOT NULL PRIMARY KEY, mark BLOB NOT NULL, key BLOB)"
    )
    op.execute("INSERT INTO changes (number, mark) VALUES (0, randomblob(16))")
    for table, events in _DECIDING.items():
        for event in events:
            name = f"decided_{table}_{event.lower()}"
            op.execute(f"CREATE TRIGGER {name} AFTER {event} ON {table} BEGIN {_DECIDED} END")
    # A row that is about to be counted in says nothing yet; one that goes locks no user out.
    for event, condition in (
        ("INSERT", "new.moments <> '' OR new.locked_until <> 0"),
        ("UPDATE", _OTHERS),
    ):
        op.execute(
            f"CREATE TRIGGER noted_login_failures_{event.lower()} AFTER {event} "
            f"ON login_failures WHEN {condition} BEGIN {_NOTED} END"
        )
