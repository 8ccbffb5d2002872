"""curl, which sends a message."""

from __future__ import annotations

from tests.interop.cases import SMTP, Client, Result, Trial, rows

_WITH_TOKEN = {"OAUTHBEARER", "XOAUTH2"}


def run(trial: Trial) -> Result:
    """Send a message by one mechanism."""
    row, who = trial.row, trial.credentials
    settings = {
        "url": f"smtp{'s' if row.implicit else ''}://{trial.server.host}:{trial.port}",
        "cacert": trial.server.authority,
        "login-options": f"AUTH={row.mechanism}",
        "user": f"{who.user}:{who.password}",
        "mail-from": "js@example.com",
        "mail-rcpt": "ann@example.com",
        "upload-file": trial.file("message", "Subject: curl\n\nhi\n"),
    }
    if row.mechanism in _WITH_TOKEN:
        settings |= {"user": who.user, "oauth2-bearer": who.token}
    if row.mechanism == "EXTERNAL":
        # It has to have a user, whom it asks to act for.
        settings |= {"user": f"{who.user}:", "cert": who.certificate, "key": who.certificate}
    lines = [f'{name} = "{value}"\n' for name, value in settings.items()]
    config = trial.file("curlrc", "".join(lines) + "ssl-reqd\n")
    return trial.run("curl", "-q", "--verbose", "--silent", "--config", config)


CLIENT = Client(
    "curl",
    "curl",
    [
        *rows(SMTP, "EXTERNAL", "OAUTHBEARER", "XOAUTH2", "CRAM-MD5", "PLAIN", "LOGIN"),
        *rows(SMTP, "PLAIN", tls="TLS"),
    ],
    run,
)
