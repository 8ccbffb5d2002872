"""The page about clients, written from what they came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tests.interop.cases import Case, Client, Row

HEAD = """\
# Mail programs that were tried

`tests/interop` starts the servers in [examples](../examples) and lets programs that others
wrote log in to them, on loopback. This page is what the last run saw: it is written by the
tests, which fail if it was something else before. The packages are those of Debian 12.

* *right*: with the right password, token or certificate.
* *wrong*: with a wrong password, a token that was tampered with, or the certificate of somebody
  else.
* *outage*: with the right one, while the USERLIST cannot be read.

neomutt takes the error that goes before 535 where a token is refused (`334`) for the end.
ANONYMOUS has nothing that could be wrong, and asks no USERLIST. `1.2` is that version of TLS,
for channel binding by Python's `ssl`
([decision 0025](decisions/0025-channel-binding.md)).
"""
COLUMNS = ("program", "package", "mechanism", "TLS", *(case.value for case in Case))

Answers = Mapping[tuple[str, Row, Case], str]


def page(clients: Sequence[Client], answers: Answers) -> str:
    """Return the page."""
    protocols = dict.fromkeys(row.protocol.name for client in clients for row in client.rows)
    tables = ("\n".join(_table(name, clients, answers)) for name in protocols)
    return "\n".join([HEAD, *tables])


def _table(protocol: str, clients: Sequence[Client], answers: Answers) -> Iterator[str]:
    yield f"## {protocol}\n"
    yield _line(COLUMNS)
    yield "|---" * len(COLUMNS) + "|"
    for client in clients:
        for row in client.rows:
            if row.protocol.name == protocol:
                seen = [answers.get((client.name, row, case), "") for case in Case]
                yield _line((client.name, client.package, row.mechanism, row.tls, *seen))
    yield ""


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
