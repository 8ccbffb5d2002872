"""imaplib of Python's library: its LOGIN and CRAM-MD5, and SCRAM by scramp in its callback."""

from __future__ import annotations

import imaplib
import ssl
from collections.abc import Callable, Sequence

from scramp import ScramClient

from tests.interop.cases import (
    IMAP,
    REMOTE_IMAP,
    SECONDS,
    TWISTED_IMAP,
    Client,
    Result,
    Trial,
    rows,
)


def run(trial: Trial) -> Result:
    """Log in by one mechanism."""
    row, who = trial.row, trial.credentials
    context = ssl.create_default_context(cafile=trial.server.authority)
    place = (trial.server.host, trial.port)
    if row.implicit:
        session: imaplib.IMAP4 = imaplib.IMAP4_SSL(*place, ssl_context=context, timeout=SECONDS)
    else:
        session = imaplib.IMAP4(*place, timeout=SECONDS)
        session.starttls(context)
    answer: Sequence[bytes | str]
    try:
        if row.mechanism == "LOGIN command":
            _, answer = session.login(who.user, who.password)
        elif row.mechanism == "CRAM-MD5":
            _, answer = session.login_cram_md5(who.user, who.password)
        elif row.mechanism == "PLAIN":
            message = f"\0{who.user}\0{who.password}".encode()
            _, answer = session.authenticate("PLAIN", lambda _: message)
        else:
            _, answer = session.authenticate(row.mechanism, scram(trial))
    except imaplib.IMAP4.error as error:
        return Result(let_in=False, transcript=f"a NO {text_of(error.args[0])}")
    finally:
        session.logout()
    return Result(let_in=True, transcript=f"a OK {text_of(answer[0])}")


def scram(trial: Trial) -> Callable[[bytes], bytes]:
    """Return what answers to challenges, as `imaplib` wants it."""
    who = trial.credentials
    client = ScramClient([trial.row.mechanism], who.user, who.password)
    steps = iter(
        (
            lambda _: client.get_client_first(),
            lambda said: (client.set_server_first(said), client.get_client_final())[1],
            lambda said: (client.set_server_final(said), "")[1],
        ),
    )
    return lambda challenge: next(steps)(challenge.decode()).encode()


CLIENT = Client(
    "imaplib",
    "python3",
    [
        *rows(REMOTE_IMAP, "SCRAM-SHA-256", "LOGIN command"),
        *rows(REMOTE_IMAP, "LOGIN command", tls="TLS"),
    ]
    + [
        row
        for protocol in (IMAP, TWISTED_IMAP)
        for row in (
            *rows(protocol, "SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1"),
            *rows(protocol, "CRAM-MD5", "PLAIN", "LOGIN command"),
            *rows(protocol, "LOGIN command", tls="TLS"),
        )
    ],
    run,
)


def text_of(said: bytes | str) -> str:
    """Return what the server said; `imaplib` has it as either."""
    return said.decode() if isinstance(said, bytes) else said
