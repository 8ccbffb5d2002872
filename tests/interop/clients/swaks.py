"""swaks, which sends a message."""

from __future__ import annotations

from tests.interop.cases import SMTP, TWISTED_SMTP, Client, Result, Trial, rows


def run(trial: Trial) -> Result:
    """Send a message by one mechanism."""
    config = trial.file(
        "swaksrc",
        f"""\
--server {trial.server.host}
--port {trial.port}
{"--tls-on-connect" if trial.row.implicit else "--tls"}
--tls-verify
--tls-ca-path {trial.server.authority}
--auth {trial.row.mechanism}
--auth-user {trial.credentials.user}
--auth-password {trial.credentials.password}
--from js@example.com
--to ann@example.com
""",
    )
    return trial.run("swaks", "--config", config)


CLIENT = Client(
    "swaks",
    "swaks",
    [
        *rows(SMTP, "CRAM-MD5", "PLAIN", "LOGIN"),
        *rows(SMTP, "CRAM-MD5", tls="TLS"),
        *rows(TWISTED_SMTP, "LOGIN"),
        *rows(TWISTED_SMTP, "CRAM-MD5", tls="TLS"),
    ],
    run,
)
