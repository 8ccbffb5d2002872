"""curl, which sends a message, or looks what is there."""

from __future__ import annotations

from tests.interop.cases import (
    IMAP,
    POP3,
    REMOTE_IMAP,
    SMTP,
    TWISTED_IMAP,
    TWISTED_SMTP,
    Client,
    Result,
    Trial,
    rows,
    ticket_rows,
)

_WITH_TOKEN = {"OAUTHBEARER", "XOAUTH2"}


def run(trial: Trial, path: str = "") -> Result:
    """Log in by one mechanism; `path` is what to read."""
    row, who = trial.row, trial.credentials
    settings = {
        "url": f"{row.protocol.scheme}{'s' if row.implicit else ''}://"
        f"{trial.server.host}:{trial.port}/{path}",
        "cacert": trial.server.authority,
        "login-options": f"AUTH={row.mechanism}",
        "user": f"{who.user}:{who.password}",
    }
    if row.protocol.scheme == "smtp":
        settings |= {
            "mail-from": "js@example.com",
            "mail-rcpt": "ann@example.com",
            "upload-file": trial.file("message", "Subject: curl\n\nhi\n"),
        }
    if row.mechanism in _WITH_TOKEN:
        settings |= {"user": who.user, "oauth2-bearer": who.token}
    if row.mechanism == "EXTERNAL":
        # It has to have a user, whom it asks to act for.
        settings |= {"user": f"{who.user}:", "cert": who.certificate, "key": who.certificate}
    if row.mechanism == "GSSAPI":
        # The ticket's own; for any other user it takes a name with a realm.
        settings |= {"user": ":"}
    lines = [f'{name} = "{value}"\n' for name, value in settings.items()]
    config = trial.file("curlrc", "".join(lines) + "ssl-reqd\n")
    return trial.run("curl", "-q", "--verbose", "--silent", "--config", config)


CLIENT = Client(
    "curl",
    "curl",
    [
        row
        for protocol in (SMTP, IMAP, POP3)
        for row in (
            *rows(protocol, "EXTERNAL", "OAUTHBEARER", "XOAUTH2", "CRAM-MD5", "PLAIN", "LOGIN"),
            *rows(protocol, "PLAIN", tls="TLS"),
        )
    ]
    + rows(REMOTE_IMAP, "XOAUTH2", "PLAIN")
    + rows(TWISTED_SMTP, "EXTERNAL", "OAUTHBEARER", "XOAUTH2", "PLAIN"),
    run,
)
TICKETS = Client("curl", "curl", ticket_rows(SMTP, TWISTED_SMTP, IMAP, TWISTED_IMAP, POP3), run)
