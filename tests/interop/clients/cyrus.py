"""The test programs of Cyrus IMAP, on Cyrus SASL."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from tests.interop.cases import (
    IMAP,
    POP3,
    REMOTE_IMAP,
    SMTP,
    TWISTED_SMTP,
    Client,
    Result,
    Trial,
    rows,
    ticket_rows,
)

FOLDER = "/usr/lib/cyrus/bin"


def run(program: str, ending: str, trial: Trial) -> Result:
    """Log in by one mechanism, and end the session by `ending`."""
    row, who = trial.row, trial.credentials
    words = [
        f"{FOLDER}/{program}",
        *(["-s"] if row.implicit else ["-t", ""]),
        "-m",
        row.mechanism,
        "-a",
        who.user,
        "-u",
        who.user,
        "-w",
        who.password,
        "-p",
        trial.port,
        trial.server.host,
    ]
    done = trial.run(*words, typed=ending)
    return Result("\nAuthenticated." in done.transcript, done.transcript)


SMTPTEST = Client(
    "smtptest",
    "cyrus-clients",
    [
        *rows(SMTP, "SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1"),
        *rows(SMTP, "CRAM-MD5", "PLAIN", "LOGIN", "ANONYMOUS"),
        *rows(SMTP, "SCRAM-SHA-512", tls="TLS"),
        *rows(TWISTED_SMTP, "SCRAM-SHA-512", "LOGIN"),
        *rows(TWISTED_SMTP, "SCRAM-SHA-512", tls="TLS"),
    ],
    partial(run, "smtptest", "QUIT\r\n"),
)
SMTPTEST_TICKETS = replace(SMTPTEST, rows=ticket_rows(SMTP))
IMTEST = Client(
    "imtest",
    "cyrus-clients",
    [
        *rows(IMAP, "SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1"),
        *rows(IMAP, "CRAM-MD5", "PLAIN", "LOGIN", "ANONYMOUS"),
        *rows(IMAP, "SCRAM-SHA-512", tls="TLS"),
        *rows(REMOTE_IMAP, "SCRAM-SHA-512"),
    ],
    partial(run, "imtest", ". LOGOUT\r\n"),
)
IMTEST_TICKETS = replace(IMTEST, rows=ticket_rows(IMAP))
POP3TEST = Client(
    "pop3test",
    "cyrus-clients",
    [
        *rows(POP3, "SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1"),
        *rows(POP3, "CRAM-MD5", "PLAIN", "LOGIN", "ANONYMOUS"),
        *rows(POP3, "SCRAM-SHA-512", tls="TLS"),
    ],
    partial(run, "pop3test", "QUIT\r\n"),
)
POP3TEST_TICKETS = replace(POP3TEST, rows=ticket_rows(POP3))
