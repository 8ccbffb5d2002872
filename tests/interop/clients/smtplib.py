"""smtplib of Python's library, with its own PLAIN, LOGIN and CRAM-MD5."""

from __future__ import annotations

import contextlib
import smtplib
import ssl

from tests.interop.cases import SECONDS, SMTP, TWISTED_SMTP, Client, Result, Trial, rows


def run(trial: Trial) -> Result:
    """Log in by the method of that mechanism."""
    context = ssl.create_default_context(cafile=trial.server.authority)
    host, port = trial.server.host, trial.port
    with contextlib.ExitStack() as opened:
        session: smtplib.SMTP
        if trial.row.implicit:
            session = opened.enter_context(
                smtplib.SMTP_SSL(host, port, context=context, timeout=SECONDS)
            )
        else:
            session = opened.enter_context(smtplib.SMTP(host, port, timeout=SECONDS))
            session.starttls(context=context)
        session.ehlo()
        session.user, session.password = trial.credentials.user, trial.credentials.password
        method = getattr(session, f"auth_{trial.row.mechanism.lower().replace('-', '_')}")
        try:
            code, text = session.auth(trial.row.mechanism, method)
        except smtplib.SMTPAuthenticationError as error:
            said = error.smtp_error
            text = said.encode() if isinstance(said, str) else said
            return Result(let_in=False, transcript=f"{error.smtp_code} {text.decode()}")
    return Result(let_in=True, transcript=f"{code} {text.decode()}")


CLIENT = Client(
    "smtplib",
    "python3",
    [
        row
        for protocol in (SMTP, TWISTED_SMTP)
        for row in (
            *rows(protocol, "CRAM-MD5", "PLAIN", "LOGIN"),
            *rows(protocol, "PLAIN", tls="TLS"),
        )
    ],
    run,
)
