"""Real dialogues: each row of the scenarios, by each client."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playground import Playground

from tests.smtp_access.clients import CLIENTS, Told
from tests.smtp_access.scenario import Row, rows
from tests.smtp_access.servers import Recorder, serving
from tests.smtp_access.submission import submitting
from ualauth.smtp_access.settings import SmtpAccessSettings

_DATE = re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}")


def inserted(content: bytes) -> str:
    """Return the headers at the top, without the message's own, and DATE for dates."""
    header = content.partition(b"\r\n\r\n")[0].decode("ascii").replace("\r\n ", " ")
    top = [line for line in header.split("\r\n") if line.startswith("X-Scalix-")]
    assert header.startswith("\r\n".join(top))
    return _DATE.sub("DATE", "; ".join(top))


def check(row: Row, told: Told, application: Recorder) -> None:
    words = row.expected.split(" ", 1)
    if words[0] in {"delivered", "discarded"}:
        assert told == Told("accepted")
        assert len(application.messages) == (words[0] == "delivered")
        for recipients, content in application.messages:
            assert recipients == (row.recipient,)
            assert inserted(content) == (words[1] if len(words) > 1 else "")
            assert content.endswith(b"\r\n\r\nHello.\r\n")
    else:
        assert application.messages == []
        if row.wrong and told.step == "auth":
            # msmtp does not go on without authentication.
            assert told.reply.startswith("535 ")
            return
        assert told.step == words[0]
        assert told.reply.startswith(words[1])


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("row", rows(), ids=lambda row: row.place)
def test_client_is_told_what_the_scenario_says(row: Row, client: str, tmp_path: Path) -> None:
    application = Recorder()
    settings = SmtpAccessSettings(compare_from="from" in row.place)
    names = {row.address: row.name} if row.name else {}
    with serving(tmp_path, row.rules, application, settings=settings, names=names) as server:
        server.peer = row.address
        told = CLIENTS[client](server.port, row)
    check(row, told, application)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("row", [row for row in rows() if row.user], ids=lambda row: row.place)
def test_client_is_told_the_same_where_people_log_in_by_sasl(
    row: Row, client: str, people: Playground, tmp_path: Path
) -> None:
    application = Recorder()
    settings = SmtpAccessSettings(compare_from="from" in row.place)
    with submitting(people, tmp_path, row.rules, application, settings=settings) as server:
        server.peer = row.address
        told = CLIENTS[client](server.port, row)
    check(row, told, application)
