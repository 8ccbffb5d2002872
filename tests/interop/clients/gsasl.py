"""gsasl, the program of GNU SASL, as a client.

A mechanism without -PLUS it uses only with `--no-cb`: where it could bind to the
channel, it refuses to do without.
"""

from __future__ import annotations

from dataclasses import replace

from tests.interop.cases import (
    IMAP,
    SMTP,
    TWISTED_IMAP,
    TWISTED_SMTP,
    Client,
    Result,
    Trial,
    rows,
    ticket_rows,
)


def run(trial: Trial) -> Result:
    """Log in by one mechanism."""
    row, who = trial.row, trial.credentials
    words = [
        "gsasl",
        f"--{row.protocol.scheme}",
        f"--connect={trial.server.host}:{trial.port}",
        f"--x509-ca-file={trial.server.authority}",
        f"--mechanism={row.mechanism}",
        "--starttls",
        "--no-cb" if not row.mechanism.endswith("-PLUS") else "--verbose",
        "--priority=NORMAL:-VERS-TLS1.3" if row.old_tls else "--priority=NORMAL",
        "--anonymous-token=guest",
    ]
    if row.mechanism == "EXTERNAL":
        words += [
            f"--x509-cert-file={who.certificate}",
            f"--x509-key-file={who.certificate}",
            f"--authorization-id={who.user}",
        ]
    elif row.mechanism != "ANONYMOUS":
        words += [f"--authentication-id={who.user}", f"--password={who.password}"]
    return trial.run(*words)


CLIENT = Client(
    "gsasl",
    "gsasl",
    [
        *rows(SMTP, "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", tls="STARTTLS 1.2"),
        *rows(SMTP, "SCRAM-SHA-256", "SCRAM-SHA-1", "EXTERNAL"),
        *rows(SMTP, "CRAM-MD5", "PLAIN", "LOGIN", "ANONYMOUS"),
        *rows(TWISTED_SMTP, "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"),
        *rows(TWISTED_SMTP, "SCRAM-SHA-256", tls="STARTTLS 1.2"),
        *rows(TWISTED_SMTP, "SCRAM-SHA-256", "ANONYMOUS"),
        *rows(IMAP, "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", tls="STARTTLS 1.2"),
        *rows(IMAP, "SCRAM-SHA-256", "SCRAM-SHA-1", "EXTERNAL"),
        *rows(IMAP, "CRAM-MD5", "PLAIN", "LOGIN", "ANONYMOUS"),
        *rows(TWISTED_IMAP, "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"),
        *rows(TWISTED_IMAP, "SCRAM-SHA-256", tls="STARTTLS 1.2"),
        *rows(TWISTED_IMAP, "SCRAM-SHA-256", "SCRAM-SHA-1", "EXTERNAL"),
        *rows(TWISTED_IMAP, "CRAM-MD5", "PLAIN", "LOGIN", "ANONYMOUS"),
    ],
    run,
)
TICKETS = replace(
    CLIENT,
    rows=[
        *ticket_rows(SMTP, IMAP, TWISTED_IMAP),
        *ticket_rows(SMTP, IMAP, TWISTED_IMAP, mechanism="GS2-KRB5"),
    ],
)
