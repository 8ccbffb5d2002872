"""mbsync of isync, on Cyrus SASL: it copies the inbox."""

from __future__ import annotations

from dataclasses import replace

from tests.interop.cases import IMAP, Client, Result, Trial, rows, ticket_rows


def run(trial: Trial) -> Result:
    """Copy the inbox by one mechanism."""
    row, who = trial.row, trial.credentials
    mechanism = "LOGIN" if row.mechanism == "LOGIN command" else row.mechanism
    config = trial.file(
        "mbsyncrc",
        f"""\
IMAPAccount test
Host {trial.server.host}
Port {trial.port}
User {who.user}
Pass "{who.password}"
SSLType {"IMAPS" if row.implicit else "STARTTLS"}
CertificateFile {trial.server.authority}
AuthMechs {mechanism}

IMAPStore far
Account test

MaildirStore near
Path {trial.folder}/mail/
Inbox {trial.folder}/mail/inbox

Channel test
Far :far:
Near :near:
Patterns INBOX
Create Near
SyncState *
""",
    )
    (trial.folder / "mail").mkdir()
    return trial.run("mbsync", "-c", config, "--debug-net", "test")


CLIENT = Client(
    "mbsync",
    "isync",
    [
        *rows(IMAP, "SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1"),
        *rows(IMAP, "CRAM-MD5", "PLAIN", "LOGIN command"),
        *rows(IMAP, "SCRAM-SHA-256", tls="TLS"),
    ],
    run,
)
TICKETS = replace(CLIENT, rows=ticket_rows(IMAP))
