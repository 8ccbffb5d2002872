"""fetchmail, which hands messages to a program."""

from __future__ import annotations

import re
from dataclasses import replace

from tests.interop.cases import IMAP, POP3, Client, Result, Trial, rows, ticket_rows

_METHODS = {"LOGIN command": "password", "USER": "password", "EXTERNAL": "external"}


def run(trial: Trial) -> Result:
    """Fetch what is there by one mechanism; it says by 1 that there was nothing new."""
    row, who = trial.row, trial.credentials
    method = _METHODS.get(row.mechanism, row.mechanism.lower())
    certificate = f'sslcert "{who.certificate}" sslkey "{who.certificate}"'
    config = trial.file(
        "fetchmailrc",
        f"""\
poll {trial.server.host} service {trial.port} protocol {row.protocol.scheme}
  auth {method} username "{who.user}" password "{who.password}" keep
  {"ssl" if row.implicit else 'sslproto "tls1.2+"'} sslcertck sslcertfile "{trial.server.authority}"
  {certificate if row.mechanism == "EXTERNAL" else ""}
  mda "cat > {trial.folder}/message"
""",
    )
    words = ["--nodetach", "--nosyslog", "-v", "--pidfile", trial.folder / "pid"]
    done = trial.run("fetchmail", "-f", config, *words)
    let_in = re.search(r"normal termination, status [01]$", done.transcript, re.MULTILINE)
    return Result(let_in is not None, done.transcript)


CLIENT = Client(
    "fetchmail",
    "fetchmail",
    [
        *rows(IMAP, "CRAM-MD5", "EXTERNAL", "LOGIN command"),
        *rows(IMAP, "LOGIN command", tls="TLS"),
        *rows(POP3, "USER"),
        *rows(POP3, "USER", tls="TLS"),
    ],
    run,
)
TICKETS = replace(CLIENT, rows=ticket_rows(IMAP, POP3))
