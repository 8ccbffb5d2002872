"""Logins by om_sql on real servers: MariaDB and PostgreSQL, each in both ways."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests import mariadb, postgresql
from tests.conftest import Way
from tests.integration.sql.conftest import QUERY, WHERE, Behind
from tests.standing_still import stand_still
from tests.unit.sql.mailboxes import Mailboxes

assert mariadb.PASSWORD == postgresql.PASSWORD
Make = Callable[..., Mailboxes]
NAMES: tuple[str, ...] = (
    "'",
    '"',
    "\\",
    "%",
    "_",
    "a' OR '1'='1",
    "a'-- ",
    "{user}",
    ":x",
    "?",
    "%s",
    "%(user)s",
    "\\' OR 1=1 -- ",
    "josé",
    "\N{GRINNING FACE}",
    "jo\nx",
    "x" * 250,
    "/*",
    "a\u00a0b",
    "$$",
)


def test_the_password_of_the_row_lets_in(make: Make, behind: Behind) -> None:
    mail = make(behind)
    assert mail.login("jo@example.com", "s3cret").user == "jo@example.com"
    assert mail.remarks("jo@example.com", "wrong") == "auth_err: wrong password"
    assert mail.remarks("no@example.com", "s3cret") == "user_unknown: the query finds no row"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("active = FALSE", "perm_denied"),
        ("active = NULL", "perm_denied"),
        ("expires = '2020-01-02 03:04:05'", "acct_expired"),
        ("expires = '2037-01-02 03:04:05'", "success"),
        ("allow_nets = '192.0.2.0/24'", "perm_denied"),
        ("allow_nets = '203.0.113.0/24'", "success"),
        ("password = NULL", "auth_err"),
        ("password = '{NOPE}x'", "authinfo_unavail"),
    ],
)
def test_what_the_row_says_holds_at_once(
    make: Make, behind: Behind, change: str, code: str
) -> None:
    mail = make(behind)
    assert mail.outcome("jo@example.com", "s3cret", rhost="203.0.113.9") == "success"
    behind.execute(f"UPDATE mailbox SET {change}")
    assert mail.outcome("jo@example.com", "s3cret", rhost="203.0.113.9") == code


def test_a_name_is_bound_and_never_pasted(make: Make, behind: Behind) -> None:
    mail = make(behind)
    for name in NAMES:
        assert mail.outcome(name, "s3cret") == "user_unknown"
    escaped = "o''brien%\\\\" if behind.kind == "mariadb" else "o''brien%\\"
    behind.execute(f"INSERT INTO mailbox VALUES ('{escaped}', '{{PLAIN}}x', TRUE, NULL, NULL)")
    assert mail.login("o'brien%\\", "x").user == "o'brien%\\"


def test_sql_of_the_administrator_stays_as_it_is(make: Make, behind: Behind) -> None:
    own = (
        " AND '{a,b}'::text[] @> ARRAY['a'] AND '{\"k\": 1}'::jsonb ? 'k' AND 5 % 2 = 1"
        if behind.kind == "postgresql"
        else r" AND 'it\'s' = 'it''s' AND `username` LIKE '%@%' AND 5 % 2 = 1 # {domain}"
    )
    mail = make(behind, f"{QUERY}{WHERE} AND 'a:b {{user}} %s ?' = 'a:b {{user}} %s ?'{own}")
    assert mail.outcome("jo@example.com", "s3cret") == "success"


TWO_ROWS = " mailbox, (SELECT 1 AS a UNION SELECT 2) AS b WHERE username = {user}"
WRONG = {
    "a missing table": (" nowhere", "there is no such table"),
    "a missing column": (" mailbox WHERE pasword = {user}", "there is no such column"),
    "wrong syntax": (" mailbox WHERE WHERE {user} = ''", "the query is wrong"),
    "several rows": (TWO_ROWS, "the query finds several rows"),
}


@pytest.mark.parametrize(("rest", "told"), WRONG.values(), ids=WRONG)
def test_a_query_that_cannot_decide_has_its_own_text(
    make: Make, behind: Behind, rest: str, told: str
) -> None:
    rest = rest if "{user}" in rest else f"{rest}{WHERE}"
    mail = make(behind, f"query SELECT username AS user, password FROM{rest}")
    assert told in mail.remarks("jo@example.com", "s3cret")
    assert "wrong" not in mail.outcome("jo@example.com", "s3cret")
    assert mail.outcome("jo@example.com", "s3cret") in {"authinfo_unavail", "user_unknown"}


def test_rows_without_an_end_are_not_read_to_the_end(make: Make, behind: Behind) -> None:
    endless = (
        "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT 1 FROM n) SELECT i FROM n) AS b"
        if behind.kind == "postgresql"
        else "(SELECT 1 AS a FROM seq_1_to_1000000000) AS b"
    )
    mail = make(behind, f"{QUERY}, {endless}{WHERE}", "query_timeout 60", "timeout 60")
    assert mail.remarks("jo@example.com", "s3cret").startswith("user_unknown: ")
    assert mail.outcome("no@example.com", "s3cret") == "user_unknown"


def test_the_service_is_not_let_in_with_a_wrong_password(make: Make, behind: Behind) -> None:
    mail = make(behind)
    password = mail.folder.path / "sql.password"
    password.write_text("canary-Pa55word\n")
    remarks = mail.remarks("jo@example.com", "s3cret")
    assert remarks.startswith("authinfo_unavail: ")
    assert "let the service in" in remarks or "authentication failed" in remarks
    assert "canary" not in remarks


def test_a_database_that_is_not_there_is_told_of(make: Make, behind: Behind) -> None:
    mail = make(behind, f"url {behind.url.replace('vmail', 'nowhere')}")
    remarks = mail.remarks("jo@example.com", "s3cret")
    assert remarks.startswith("authinfo_unavail: ")
    assert "database" in remarks


def test_a_query_that_writes_by_a_function_is_refused_by_the_session(
    make: Make, behind: Behind
) -> None:
    writes = (
        "CREATE OR REPLACE FUNCTION writes() RETURNS text LANGUAGE sql AS "
        "$$ DELETE FROM mailbox RETURNING 'x'::text $$"
        if behind.kind == "postgresql"
        else "CREATE OR REPLACE FUNCTION writes() RETURNS CHAR(1) BEGIN DELETE FROM mailbox; "
        "RETURN 'x'; END"
    )
    behind.execute(writes)
    if behind.kind == "mariadb":
        behind.server.execute("GRANT DELETE, EXECUTE ON vmail.* TO mail@'%'")
    mail = make(behind, "query SELECT writes() AS user, 'x' AS password, {user} AS x")
    assert "the query writes, and may only read" in mail.remarks("x", "x")
    assert make(behind).outcome("jo@example.com", "s3cret") == "success"


def test_a_locked_table_could_not_be_asked(make: Make, behind: Behind) -> None:
    mail = make(behind, "query_timeout 0.5", "timeout 2")
    assert mail.outcome("jo@example.com", "s3cret") == "success"
    with closing(behind.lock()):
        remarks = mail.remarks("jo@example.com", "s3cret")
        assert remarks.startswith("authinfo_unavail: ")
        assert "the table is locked" in remarks
    assert mail.outcome("jo@example.com", "s3cret") == "success"


def test_no_login_fails_after_the_server_was_started_anew(make: Make, behind: Behind) -> None:
    mail = make(behind)
    assert mail.outcome("jo@example.com", "s3cret") == "success"
    behind.process.stop()
    assert mail.outcome("jo@example.com", "s3cret") == "authinfo_unavail"
    behind.process.start()
    for _ in range(3):
        assert mail.outcome("jo@example.com", "s3cret") == "success"
    behind.process.stop()
    behind.process.start()
    # Its connections have ended meanwhile, and nothing was asked.
    assert mail.outcome("jo@example.com", "s3cret") == "success"


def test_a_server_that_stands_still_is_not_waited_for(make: Make, behind: Behind) -> None:
    """A login ends by the module's own time, and those after it at once."""
    mail = make(behind, "query_timeout 0.3", "connect_timeout 0.3", "timeout 1")
    # On a busy machine, 0.3 seconds may be over before a server that is well has answered.
    assert _is_well_again(mail)
    stopped = _processes(behind)
    stand_still(*stopped)
    try:
        for _ in range(3):
            assert mail.outcome("jo@example.com", "s3cret") == "authinfo_unavail"
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    # The thread beside the logins finds out.
    assert _is_well_again(mail)


def _is_well_again(mail: Mailboxes) -> bool:
    """Return whether a login is granted, after some seconds at most."""
    pause = threading.Event()
    for _ in range(600):
        outcome = mail.outcome("jo@example.com", "s3cret")
        assert outcome in {"success", "authinfo_unavail"}
        if outcome == "success":
            return True
        pause.wait(0.05)
    return False


def _processes(behind: Behind) -> list[int]:
    """Return the processes of a server: PostgreSQL has one for each connection."""
    pid = behind.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [pid, *map(int, children.split())]


def test_another_server_answers_where_one_does_not(make: Make, behind: Behind) -> None:
    before, at, rest = behind.url.partition("@")
    mail = make(behind, f"url {before}{at}127.0.0.1:1,{rest}")
    for _ in range(3):
        assert mail.outcome("jo@example.com", "s3cret") == "success"
        assert mail.outcome("jo@example.com", "wrong") == "auth_err"


def test_many_logins_at_once_share_few_connections(make_blocking: Make, behind: Behind) -> None:
    mail = make_blocking(behind, "pool_size 2")
    with ThreadPoolExecutor(12) as pool:
        outcomes = list(
            pool.map(lambda each: mail.outcome("jo@example.com", each), ["s3cret", "wrong"] * 24)
        )
    assert outcomes == ["success", "auth_err"] * 24
    if behind.kind == "postgresql":
        assert len(behind.server.backends("vmail")) <= 2


def test_a_forked_child_has_connections_of_its_own(make_blocking: Make, behind: Behind) -> None:
    mail = make_blocking(behind)
    assert mail.outcome("jo@example.com", "s3cret") == "success"
    child = os.fork()
    if not child:
        status = 1
        try:
            status = mail.outcome("jo@example.com", "s3cret") != "success"
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert mail.outcome("jo@example.com", "s3cret") == "success"


def test_no_thread_and_no_connection_is_left(make: Make, behind: Behind, way: Way) -> None:
    before = {each.name for each in threading.enumerate()}
    mail = make(behind)
    mail.outcome("jo@example.com", "s3cret")
    way.run(mail.authenticator.close())
    left = {each.name for each in threading.enumerate()} - before
    assert not any("sql" in name for name in left)
    if behind.kind == "postgresql":
        for _ in range(100):
            if not behind.server.backends("vmail"):
                break
            threading.Event().wait(0.05)
        assert not behind.server.backends("vmail")


def test_a_standby_answers(make: Make, postgres: Behind) -> None:
    """A server in recovery can be read from."""
    postgres.renew()
    with postgresql.replica_of(postgres.server) as replica:
        mail = make(postgres, f"url postgresql://ualauth@127.0.0.1:{replica.port}/vmail")
        for _ in range(100):
            if mail.outcome("jo@example.com", "s3cret") == "success":
                break
            threading.Event().wait(0.05)
        assert mail.outcome("jo@example.com", "s3cret") == "success"


@pytest.mark.parametrize("collation", ["utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_bin"])
def test_mysql_takes_one_name_for_another_and_om_sql_does_not(
    make: Make, maria: Behind, collation: str
) -> None:
    maria.renew()
    maria.execute(
        f"ALTER TABLE mailbox CONVERT TO CHARACTER SET utf8mb4 COLLATE {collation}",
        "INSERT INTO mailbox VALUES ('jose', '{PLAIN}x', TRUE, NULL, NULL)",
        "INSERT INTO mailbox VALUES ('strasse', '{PLAIN}x', TRUE, NULL, NULL)",
    )
    mail = make(maria)
    for typed in ("josé", "jose ", "JOSÉ", "jose\N{COMBINING ACUTE ACCENT}", "straße"):
        assert mail.outcome(typed, "x") == "user_unknown"
    if not collation.endswith("bin"):
        assert mail.login("JOSE", "x").user == "jose"
    assert mail.login("jose", "x").user == "jose"


@pytest.mark.parametrize("charset", ["latin1", "utf8mb3", "ascii"])
def test_a_name_that_a_table_has_no_characters_for_is_no_users(
    make: Make, maria: Behind, charset: str
) -> None:
    maria.renew()
    maria.execute(f"ALTER TABLE mailbox CONVERT TO CHARACTER SET {charset}")
    mail = make(maria)
    for name in ("\N{GRINNING FACE}", "имя", "josé"):
        assert mail.outcome(name, "s3cret") == "user_unknown"
    assert mail.outcome("jo@example.com", "s3cret") == "success"


def test_types_of_mysql_mean_what_they_mean(make: Make, maria: Behind) -> None:
    maria.renew()
    flags = {"BIT(1)": "b'1'", "TINYINT": "1", "ENUM('Y','N')": "'Y'", "CHAR(5)": "'true'"}
    for kind, value in flags.items():
        maria.execute(
            f"ALTER TABLE mailbox MODIFY active {kind}",
            f"UPDATE mailbox SET active = {value}",
            "ALTER TABLE mailbox MODIFY password VARBINARY(255)",
        )
        assert make(maria).outcome("jo@example.com", "s3cret") == "success", kind
    maria.execute(
        "SET sql_mode=''",
        "ALTER TABLE mailbox MODIFY expires DATETIME",
        "UPDATE mailbox SET expires = '0000-00-00 00:00:00'",
    )
    assert "`expires` cannot be read" in make(maria).remarks("jo@example.com", "s3cret")


def test_types_of_postgresql_mean_what_they_mean(make: Make, postgres: Behind) -> None:
    postgres.renew()
    columns = {
        "TRUE AS active, 'infinity'::timestamptz AS expires": "success",
        "1 AS active, '-infinity'::timestamp AS expires": "acct_expired",
        "'t' AS active, '2037-01-01'::date AS expires": "success",
        "B'1' AS active, 4102444800 AS expires": "success",
        "'0099-01-01 BC'::date AS expires": "authinfo_unavail",
        "ARRAY['203.0.113.0/24'::cidr] AS allow_nets": "success",
        "'192.0.2.1'::inet AS allow_nets": "perm_denied",
        "'\\xff'::bytea AS name": "authinfo_unavail",
        "1e100::numeric AS expires": "authinfo_unavail",
        "ARRAY['jo@example.com', NULL] AS addresses": "success",
        "'{}'::jsonb AS addresses": "authinfo_unavail",
    }
    for column, code in columns.items():
        query = f"query SELECT username AS user, password, {column} FROM mailbox{WHERE}"
        mail = make(postgres, query)
        assert mail.outcome("jo@example.com", "s3cret", rhost="203.0.113.9") == code, column


def test_a_server_without_encryption_is_not_used_where_it_is_wanted(
    make: Make, behind: Behind
) -> None:
    mail = make(behind, "tls on")
    remarks = mail.remarks("jo@example.com", "s3cret")
    assert remarks.startswith("authinfo_unavail: ")
    assert "SSL" in remarks or "encrypted" in remarks


def test_a_socket_is_connected_to(make: Make, behind: Behind) -> None:
    if behind.kind == "mariadb":
        socket, url = f"{behind.server.socket}", "mysql://mail@/vmail"
    else:
        socket = f"{behind.server.folder}/.s.PGSQL.{behind.server.port}"
        url = "postgresql://ualauth@/vmail"
    mail = make(behind, f"url {url}", f"socket {socket}")
    assert mail.outcome("jo@example.com", "s3cret") == "success"


def test_no_log_shows_a_secret(
    make: Make, behind: Behind, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    mail = make(behind)
    for password in ("s3cret", "canary-Wr0ng"):
        mail.outcome("jo@example.com", password)
    behind.execute("DROP TABLE mailbox")
    mail.outcome("jo@example.com", "s3cret")
    shown: Any = caplog.text + repr(vars(mail.authenticator))
    for secret in ("s3cret", "canary-Wr0ng", mariadb.PASSWORD):
        assert secret not in shown
