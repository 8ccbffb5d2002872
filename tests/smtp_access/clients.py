"""Three real clients: what each is told when it submits a message."""

from __future__ import annotations

import re
import smtplib
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from tests.machine import patience
from tests.smtp_access.scenario import Row

PASSWORD = "correct horse"
_TIMEOUT = round(patience(20))
_REFUSED = re.compile(r"^<\*\* (\d{3} .*)$", re.MULTILINE)
_SWAKS_STEPS = {21: "connect", 23: "mail", 24: "rcpt", 25: "data", 26: "data", 28: "auth"}


@dataclass(frozen=True)
class Told:
    """Where the client was refused, and with which reply; `accepted` if it was not."""

    step: str
    reply: str = ""


def password(row: Row) -> str:
    return "battery staple" if row.wrong else PASSWORD


def message(row: Row) -> str:
    return f"From: {row.from_header}\nTo: {row.recipient}\nSubject: a message\n\nHello.\n"


def by_smtplib(port: int, row: Row) -> Told:
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=_TIMEOUT) as client:
            client.ehlo("pc.example.com")
            return submit(client, row)
    except smtplib.SMTPResponseException as error:
        return _refusal("connect", error)


def submit(client: smtplib.SMTP, row: Row) -> Told:
    """Log in and submit, after EHLO; return the first refusal, a wrong password's apart."""
    step = "auth"
    try:
        if row.user:
            try:
                client.login(row.user, password(row))
            except smtplib.SMTPAuthenticationError:
                assert row.wrong
        calls: dict[str, Callable[[], tuple[int, bytes]]] = {
            "mail": lambda: client.mail(row.sender),
            "rcpt": lambda: client.rcpt(row.recipient),
            "data": lambda: client.data(message(row)),
        }
        for step, call in calls.items():
            code, text = call()
            if code >= 400:
                return Told(step, f"{code} {text.decode()}")
    except smtplib.SMTPResponseException as error:
        return _refusal(step, error)
    return Told("accepted")


def _refusal(step: str, error: smtplib.SMTPResponseException) -> Told:
    told = error.smtp_error
    return Told(step, f"{error.smtp_code} {told if isinstance(told, str) else told.decode()}")


def by_swaks(port: int, row: Row) -> Told:
    login = ["--auth", "PLAIN", "--auth-user", row.user, "--auth-password", password(row)]
    optional = "--auth-optional" if row.wrong else "--auth"
    done = subprocess.run(
        [
            "swaks", "--server", "127.0.0.1", "--port", str(port), "--helo", "pc.example.com",
            "--from", row.sender or "<>", "--to", row.recipient, "--timeout", str(_TIMEOUT),
            "--data", message(row).rstrip("\n").replace("\n", "\\n"),
            *([optional, *login[1:]] if row.user else []),
        ],
        capture_output=True, text=True, timeout=_TIMEOUT * 2, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode == 0:
        return Told("accepted")
    refused = _REFUSED.findall(done.stdout)
    assert refused, done.stdout + done.stderr
    return Told(_SWAKS_STEPS[done.returncode], refused[-1])


def by_msmtp(port: int, row: Row) -> Told:
    login = ["--auth=plain", f"--user={row.user}", f"--passwordeval=echo {password(row)}"]
    done = subprocess.run(
        [
            "msmtp", "--file=/dev/null", "--host=127.0.0.1", f"--port={port}", "--tls=off",
            "--domain=pc.example.com", f"--from={row.sender or '<>'}", f"--timeout={_TIMEOUT}",
            *(login if row.user else ["--auth=off"]), "--", row.recipient,
        ],
        input=message(row), capture_output=True, text=True, timeout=_TIMEOUT * 2, check=False,
    )  # fmt: skip
    if done.returncode == 0:
        return Told("accepted")
    text = done.stderr
    step = next((step for words, step in _MSMTP_STEPS.items() if words in text), text)
    match = re.search(r"server message: (.*)", text)
    assert match is not None, text
    return Told(step, match[1])


_MSMTP_STEPS = {
    "cannot get initial OK message": "connect",
    "envelope from address": "mail",
    "recipient address": "rcpt",
    "the server did not accept the mail": "data",
    "authentication failed": "auth",
}

CLIENTS: dict[str, Callable[[int, Row], Told]] = {
    "smtplib": by_smtplib,
    "swaks": by_swaks,
    "msmtp": by_msmtp,
}
