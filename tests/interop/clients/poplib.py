"""poplib of Python's library, which has USER and PASS; APOP is not offered."""

from __future__ import annotations

import poplib
import ssl

from tests.interop.cases import POP3, SECONDS, Client, Result, Trial, rows


def run(trial: Trial) -> Result:
    """Log in by name and password."""
    context = ssl.create_default_context(cafile=trial.server.authority)
    place = (trial.server.host, trial.port)
    if trial.row.implicit:
        session: poplib.POP3 = poplib.POP3_SSL(*place, context=context, timeout=SECONDS)
    else:
        session = poplib.POP3(*place, timeout=SECONDS)
        session.stls(context)
    try:
        session.user(trial.credentials.user)
        answer = session.pass_(trial.credentials.password)
        count, _ = session.stat()
    except poplib.error_proto as error:
        return Result(let_in=False, transcript=str(error))
    finally:
        session.quit()
    return Result(let_in=count == 1, transcript=answer.decode())


CLIENT = Client("poplib", "python3", [*rows(POP3, "USER"), *rows(POP3, "USER", tls="TLS")], run)
