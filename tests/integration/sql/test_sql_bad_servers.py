"""Servers that die, keep silent or talk nonsense in the middle of an answer."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.integration.sql.conftest import Behind
from tests.integration.sql.proxy import between
from tests.machine import patience
from tests.unit.sql.mailboxes import Mailboxes

Make = Callable[..., Mailboxes]
SHORT = ("connect_timeout 0.3", "query_timeout 0.3", "timeout 1")


def through(behind: Behind, port: int) -> str:
    return f"url {behind.url.replace(str(behind.server.port), str(port))}"


@pytest.mark.parametrize("how", ["cut", "noise"])
def test_an_answer_that_ends_in_the_middle_lets_no_user_in(
    make_blocking: Make, behind: Behind, how: str
) -> None:
    """Cut anywhere, a row is never taken for the whole, and a wrong password never for a right."""
    for octets in (*range(0, 800, 61), 900, 2000):
        with between(behind.server.port, octets, how) as proxy:
            mail = make_blocking(behind, through(behind, proxy.port))
            outcome = mail.outcome("jo@example.com", "s3cret")
            assert outcome == "authinfo_unavail" or not proxy.over.is_set(), octets
            assert mail.outcome("jo@example.com", "wrong") in {"authinfo_unavail", "auth_err"}


def test_an_answer_that_stops_coming_is_not_waited_for(make: Make, behind: Behind) -> None:
    for octets in (0, 60, 300, 700):
        with between(behind.server.port, octets, "silence") as proxy:
            mail = make(behind, through(behind, proxy.port), *SHORT)
            began = time.monotonic()
            outcome = mail.outcome("jo@example.com", "s3cret")
            # The limit is one second; without it, it would be for ever.
            assert time.monotonic() - began < patience(60)
            assert outcome == "authinfo_unavail" or not proxy.over.is_set()


def test_what_hangs_is_bounded_and_said_at_once(make: Make, behind: Behind) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        mail = make(behind, through(behind, listener.getsockname()[1]), *SHORT, "pool_size 2")
        for _ in range(6):
            assert mail.outcome("jo@example.com", "s3cret") == "authinfo_unavail"
        remarks = mail.remarks("jo@example.com", "s3cret")
    assert "there is no answer" in remarks or "timeout expired" in remarks or "hang" in remarks


def test_the_next_server_answers_while_the_first_keeps_silent(make: Make, behind: Behind) -> None:
    before, at, rest = behind.url.partition("@")
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        silent = f"127.0.0.1:{listener.getsockname()[1]}"
        lines = ("connect_timeout 0.5", "query_timeout 5", "timeout 20")
        mail = make(behind, f"url {before}{at}{silent},{rest}", *lines)
        for _ in range(4):
            assert mail.outcome("jo@example.com", "s3cret") == "success"


def test_a_connection_that_a_server_ends_is_replaced(make: Make, behind: Behind) -> None:
    mail = make(behind)
    assert mail.outcome("jo@example.com", "s3cret") == "success"
    if behind.kind == "postgresql":
        behind.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'ualauth'"
        )
    else:
        for (number,) in behind.server.execute(
            "SELECT id FROM information_schema.processlist WHERE user = 'mail'"
        ):
            behind.server.execute(f"KILL {number}")
    assert mail.outcome("jo@example.com", "s3cret") == "success"
