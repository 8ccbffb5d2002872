"""Row-level security of PostgreSQL: a second lock between companies, behind the `View`.

While companies are hosted, each table has policies that say the same as `view` does. Who asks is
a setting of the transaction (`set_config`, PostgreSQL, section 9.28): a transaction of a company
names it, and one without sees all. So what the server itself asks costs no statement more.

The policies hold for the owner of the tables, too (FORCE ROW LEVEL SECURITY), but not for a
superuser, or a role with BYPASSRLS.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Table, func, literal_column, select

from ualauth.userlist.database.tables import HOSTING, keys, metadata, search_texts
from ualauth.userlist.database.view import SERVERS, View, conditions_of, schema_of

SETTING = "ualauth.company"
"""The setting that has the id of the company which asks."""
_ASKS = f"nullif(current_setting('{SETTING}', true), '')"
_READS, _CHANGES = "ualauth_reads", "ualauth_changes"
_POLICIES = f"SELECT count(*) FROM pg_policies WHERE policyname = '{_READS}'"  # noqa: S608 - our own name
_BYPASSES = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"


def is_possible(connection: Connection) -> bool:
    """Return whether a database has row-level security: not all that speak its protocol do."""
    return bool(getattr(connection.dialect, "has_row_security", False))


def agree(connection: Connection) -> None:
    """Have the policies while companies are hosted, and none otherwise; may be repeated."""
    if not is_possible(connection):
        return
    is_hosting = select(func.count()).where(keys.c.name == literal_column(f"'{HOSTING}'"))
    hosts = bool(connection.scalar(is_hosting))
    if not hosts and not connection.exec_driver_sql(_POLICIES).scalar():
        return
    schema = schema_of(connection)
    for table in (*metadata.sorted_tables, search_texts):
        name = f"{schema}.{table.name}"
        for policy in (_READS, _CHANGES):
            connection.exec_driver_sql(f"DROP POLICY IF EXISTS {policy} ON {name}")
        if hosts:
            reads, changes = _rules(table, schema)
            connection.exec_driver_sql(
                f"CREATE POLICY {_READS} ON {name} FOR SELECT USING ({reads})"
            )
            connection.exec_driver_sql(f"CREATE POLICY {_CHANGES} ON {name} USING ({changes})")
        enable, force = ("ENABLE", "FORCE") if hosts else ("DISABLE", "NO FORCE")
        connection.exec_driver_sql(
            f"ALTER TABLE {name} {enable} ROW LEVEL SECURITY, {force} ROW LEVEL SECURITY"
        )


def _rules(table: Table, schema: str) -> tuple[str, str]:
    """Return which rows are read, and which may be changed."""
    own = " AND ".join(conditions_of(table, schema, f"{_ASKS}::integer"))
    all_or_own = f"{_ASKS} IS NULL OR ({own})"
    if table is search_texts:
        # With a condition PostgreSQL would not use the index (41.5): it tells ids alone.
        return "true", all_or_own
    return all_or_own, f"{_ASKS} IS NULL" if table in SERVERS else all_or_own


def begin(connection: Connection, view: View) -> None:
    """Say at the start of a transaction who asks; it ends with the transaction."""
    if view.company is not None and is_possible(connection):
        connection.exec_driver_sql(_told(view.company))


@contextmanager
def reading(connection: Connection, cursor: Any, view: View) -> Iterator[None]:  # noqa: ANN401 - of the driver
    """Say for a statement of a connection that is in no transaction who asks."""
    if view.company is None or not is_possible(connection):
        yield
        return
    # One answer to wait for; a statement that is prepared could be no two.
    cursor.execute(f"BEGIN READ ONLY; {_told(view.company)}", prepare=False)
    yield
    connection.connection.cursor().execute("COMMIT")


def _told(company: int) -> str:
    return f"SELECT set_config('{SETTING}', '{company:d}', true)"


def is_bypassed(connection: Connection) -> bool:
    """Return whether the role sees all whatever the policies say."""
    return is_possible(connection) and bool(connection.exec_driver_sql(_BYPASSES).scalar())


def is_active(cursor: Any, table: Table) -> bool:  # noqa: ANN401 - of the driver
    """Return whether policies hold for the role: PostgreSQL refuses COPY into the table then."""
    cursor.execute("SELECT row_security_active(%s::regclass)", (table.name,))
    return bool(cursor.fetchall()[0][0])
