"""`ualauth sql test` against real servers: each step, and what mends one that fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from tests import mariadb
from tests.integration.sql.conftest import QUERY, WHERE, Behind
from ualauth.cli.application import application
from ualauth.testing.folder import ConfigFolder


@pytest.fixture
def diagnose(folder: ConfigFolder, behind: Behind) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Return what runs the command for a query: its status, and its steps by name."""

    def run(
        *arguments: str, query: str = QUERY + WHERE, url: str = "", text: str = ""
    ) -> tuple[int, dict[str, Any]]:
        lines = (f"url {url or behind.url}", "password_file sql.password", query, "")
        (folder.path / "om_sql.conf").write_text("\n".join(lines))
        password = folder.path / "sql.password"
        password.write_text(f"{mariadb.PASSWORD}\n")
        password.chmod(0o600)
        command = ["--config-dir", str(folder.path), "sql", "test", *arguments, "--json"]
        done = CliRunner().invoke(application, command, input=text, prog_name="ualauth")
        shown = done.output
        assert mariadb.PASSWORD not in shown
        assert "s3cret" not in shown
        assert "Traceback" not in shown
        steps = json.loads(done.stdout)["steps"] if done.stdout else []
        return done.exit_code, {each["step"].split(" 127.")[0]: each for each in steps}

    return run


def facts(step: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in step["facts"]}


def test_every_step_says_what_it_found(diagnose: Callable[..., Any], behind: Behind) -> None:
    query = QUERY.replace("SELECT ", "SELECT 1 AS quota, ") + WHERE
    status, steps = diagnose("jo@example.com", "--password-stdin", query=query, text="s3cret\n")
    assert status == 0
    product = "MariaDB" if behind.kind == "mariadb" else "PostgreSQL"
    assert product in facts(steps["connect to"])["server"]
    assert facts(steps["ask the query"]) == {
        "{user}": "jo@example.com",
        "quota": "not used",
        "user": "is `user`",
        "password": "is `password`",
        "active": "is `active`",
        "expires": "is `expires`",
        "allow_nets": "is `allow_nets`",
    }
    assert facts(steps["find the user"])["password"] == "of scheme plain"
    assert steps["judge the account"]["ok"]
    assert steps["compare the password"]["ok"]


def test_a_step_that_fails_has_a_cure_and_a_status(
    diagnose: Callable[..., Any], behind: Behind
) -> None:
    status, steps = diagnose("jo@example.com", "--password-stdin", text="wrong\n")
    assert (status, steps["compare the password"]["fault"]) == (1, "wrong password")
    status, steps = diagnose("no@example.com")
    assert (status, steps["find the user"]["fault"]) == (1, "the query finds no row")
    # Without a user, and although no row is there.
    for query, fault in (
        (f"query SELECT pasword FROM mailbox{WHERE}", "there is no such column"),
        (f"query SELECT * FROM nowhere{WHERE}", "there is no such table"),
        (f"query SELECT username AS user FROM mailbox{WHERE}", "gives no column `password`"),
        (f"query SELECT password FROM mailbox{WHERE}", "gives no column `user`"),
    ):
        status, steps = diagnose(query=query)
        step = steps["ask the query"]
        assert status == 75, query
        assert fault in step["fault"]
        assert step["cure"]
    status, steps = diagnose(url=behind.url.replace("mail@", "other@").replace("ualauth@", "o@"))
    assert status == 75
    assert not steps["connect to"]["ok"]
    assert steps["connect to"]["cure"]


def test_mistakes_in_the_file_are_shown(diagnose: Callable[..., Any]) -> None:
    status, steps = diagnose(query="query DELETE FROM mailbox")
    assert (status, steps) == (2, {})
