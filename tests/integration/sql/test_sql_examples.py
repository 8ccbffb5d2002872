"""The shipped examples of om_sql.conf on the servers that they are for, on tables like theirs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests import mariadb
from tests.integration.sql.conftest import Behind
from tests.unit.sql.layouts import LAYOUTS, example, statements
from tests.unit.sql.mailboxes import Mailboxes

BOTH = ("sql-postfixadmin", "sql-iredmail", "sql-modoboa", "sql-dovecot")
CASES = [(name, "maria") for name in LAYOUTS] + [(name, "postgres") for name in BOTH]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_an_example_lets_in_whom_it_should(
    make_blocking: Callable[..., Mailboxes], request: pytest.FixtureRequest, name: str, kind: str
) -> None:
    behind: Behind = request.getfixturevalue(kind)
    layout = LAYOUTS[name]
    tables = ("core_user", "admin_domain", "admin_mailbox", "domain", "mailbox", "users")
    behind.execute(*(f"DROP TABLE IF EXISTS {each}" for each in tables))
    datetime = "TIMESTAMP" if behind.kind == "postgresql" else "DATETIME"
    behind.execute(*statements(layout, datetime=datetime))
    stack, lines = example(name)
    servers_own = ("url", "socket", "password_file", "tls_cacertfile")
    lines = [each for each in lines if not each.startswith(servers_own)]
    mail = make_blocking(behind, *lines, stack=stack)
    for (user, service, rhost), outcome in layout.outcomes.items():
        mail.folder.service(service, stack)
        told = mail.outcome(user, "s3cret", service=service, rhost=rhost)
        assert told == outcome, (user, service, rhost)
        wrong = mail.outcome(user, "wrong", service=service, rhost=rhost)
        assert wrong in {"auth_err", "user_unknown"}, (user, service)
    assert mariadb.PASSWORD not in "".join(lines)
