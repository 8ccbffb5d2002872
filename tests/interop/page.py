"""The pages about clients, written from what they came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tests.interop.cases import WITH_PASSWORD, WITH_TICKET, Case, Client, Row

HEAD = """\
# Mail programs that were tried

`tests/interop` starts the servers in [examples](../examples) and lets programs that others
wrote log in to them, on loopback. This page is what the last run saw: it is written by the
tests, which fail if it was something else before. The packages are those of Debian 12. Libraries of
Java, node, Perl, PHP and Ruby have [a page of their own](interoperability-libraries.md).

* *right*: with the right password, token or certificate.
* *wrong*: with a wrong password, a token that was tampered with, or the certificate of a user
  else.
* *outage*: with the right one, while the USERLIST cannot be read.

neomutt and s-nail take the error that goes before 535 where a token is refused (`334`) for the
end.
ANONYMOUS has nothing that could be wrong, and asks no USERLIST. `1.2` is that version of TLS,
for channel binding by Python's `ssl`
([decision 0025](decisions/0025-channel-binding.md)).
"""
LIBRARIES = """\
# Mail libraries of other languages that were tried

What [mail programs](interoperability.md) are tried by, `make long` tries scripts by that use the
libraries of Java, node, Perl, PHP and Ruby, with Debian 12's packages, or npm's. This page is what
its last run saw. What they sent is recorded, and `make test` replays it, whole and broken off; but
for CRAM-MD5, whose challenge is never the same.

imap_open has no STARTTLS here: its library begins it with TLS 1.0, which OpenSSL refuses. net-pop
has none, and net-imap no XOAUTH2. imapflow takes OAUTHBEARER where it is offered.
Jakarta Mail takes the error that goes before 535 where a token is refused (`334`) for the end.
"""
TICKETS = """\
## With a ticket

The same servers, with the shipped stack `krb5-with-userlist-account` and a realm of MIT's; how
each program is set up stands in
[Single sign-on for mail clients](administrators/single-sign-on.md).

* *right*: with the ticket of a user.
* *none*: without a ticket. The programs find out by themselves, and do not ask, or cancel.
* *stranger*: with the ticket of a user whom the USERLIST has not.
* *locked*: with the ticket of a user who is locked in the USERLIST.
* *another realm's*: with the ticket of a user's namesake in a realm that is not trusted.
* *expired*: with a ticket that has expired, for a program whose clock is twelve hours behind.
* *outage*: with the right one, while the server cannot read its keytab.
"""
Answers = Mapping[tuple[str, Row, Case], str]


def page(
    clients: Sequence[Client], answers: Answers, ticket_clients: Sequence[Client], tickets: Answers
) -> str:
    """Return the page."""
    without = _tables("", WITH_PASSWORD, clients, answers)
    return "\n".join(
        [HEAD, *without, TICKETS, *_tables(" with a ticket", WITH_TICKET, ticket_clients, tickets)]
    )


def page_of_libraries(clients: Sequence[Client], answers: Answers) -> str:
    """Return the page about libraries."""
    return "\n".join([LIBRARIES, *_tables("", WITH_PASSWORD, clients, answers)])


def _tables(
    head: str, cases: Sequence[Case], clients: Sequence[Client], answers: Answers
) -> Iterator[str]:
    """Yield a table for each protocol."""
    for protocol in dict.fromkeys(row.protocol.name for client in clients for row in client.rows):
        yield "\n".join(_table(protocol, head, cases, clients, answers))


def _table(
    protocol: str, head: str, cases: Sequence[Case], clients: Sequence[Client], answers: Answers
) -> Iterator[str]:
    columns = ("program", "package", "mechanism", "TLS", *(case.value for case in cases))
    yield f"## {protocol}{head}\n"
    yield _line(columns)
    yield "|---" * len(columns) + "|"
    for client in clients:
        for row in client.rows:
            if row.protocol.name == protocol:
                seen = [answers.get((client.name, row, case), "") for case in cases]
                yield _line((client.name, client.package, row.mechanism, row.tls, *seen))
    yield ""


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
