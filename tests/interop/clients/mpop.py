"""mpop, which fetches messages; its SCRAM is GNU SASL's."""

from __future__ import annotations

from dataclasses import replace

from tests.interop.cases import POP3, Client, Result, Trial, rows, ticket_rows
from tests.interop.clients.msmtp import settings


def run(trial: Trial) -> Result:
    """Fetch what is there by one mechanism."""
    delivery = f"delivery mbox {trial.folder}/box", f"uidls_file {trial.folder}/uidls"
    config = settings(trial, "mpoprc", *delivery)
    return trial.run("mpop", "-C", config, "--debug", "test")


CLIENT = Client(
    "mpop",
    "mpop",
    [
        *rows(POP3, "SCRAM-SHA-256", "SCRAM-SHA-1", "EXTERNAL", "OAUTHBEARER", "XOAUTH2"),
        *rows(POP3, "CRAM-MD5", "PLAIN", "LOGIN", "USER"),
        *rows(POP3, "SCRAM-SHA-256", tls="TLS"),
    ],
    run,
)
TICKETS = replace(CLIENT, rows=ticket_rows(POP3))
