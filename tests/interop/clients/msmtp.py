"""msmtp, which sends a message; its SCRAM is GNU SASL's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.interop.cases import SMTP, TWISTED_SMTP, Client, Result, Trial, rows, ticket_rows

_WITH_TOKEN = {"OAUTHBEARER", "XOAUTH2"}


def settings(trial: Trial, name: str, *lines: str) -> Path:
    """Write the settings of msmtp or mpop, which are the same program otherwise."""
    row, who = trial.row, trial.credentials
    text = f"""\
account test
host {trial.server.host}
port {trial.port}
tls on
tls_starttls {"off" if row.implicit else "on"}
tls_trust_file {trial.server.authority}
auth {row.mechanism.lower()}
user {who.user}
"""
    if row.mechanism != "GSSAPI":
        # A token is taken for a password.
        password = who.token if row.mechanism in _WITH_TOKEN else who.password
        lines += (f"passwordeval cat {trial.file('secret', password)}",)
    if row.mechanism == "EXTERNAL":
        lines += (f"tls_cert_file {who.certificate}", f"tls_key_file {who.certificate}")
    return trial.file(name, text + "\n".join(lines) + "\n")


def run(trial: Trial) -> Result:
    """Send a message by one mechanism."""
    config = settings(trial, "msmtprc", "from js@example.com")
    words = ["msmtp", "-C", config, "--debug", "-a", "test", "ann@example.com"]
    return trial.run(*words, typed="Subject: msmtp\n\nhi\n")


CLIENT = Client(
    "msmtp",
    "msmtp",
    [
        *rows(SMTP, "SCRAM-SHA-256", "SCRAM-SHA-1", "EXTERNAL", "OAUTHBEARER", "XOAUTH2"),
        *rows(SMTP, "CRAM-MD5", "PLAIN", "LOGIN"),
        *rows(SMTP, "SCRAM-SHA-256", tls="TLS"),
        *rows(TWISTED_SMTP, "SCRAM-SHA-256", "EXTERNAL"),
    ],
    run,
)
TICKETS = replace(CLIENT, rows=ticket_rows(SMTP))
