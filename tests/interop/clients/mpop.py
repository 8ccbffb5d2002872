"""mpop, which fetches messages; its SCRAM is GNU SASL's."""

from __future__ import annotations

from tests.interop.cases import POP3, Client, Result, Trial, rows

_WITH_TOKEN = {"OAUTHBEARER", "XOAUTH2"}


def run(trial: Trial) -> Result:
    """Fetch what is there by one mechanism."""
    row, who = trial.row, trial.credentials
    # It takes a token for a password.
    password = who.token if row.mechanism in _WITH_TOKEN else who.password
    secret = trial.file("secret", password)
    config = trial.file(
        "mpoprc",
        f"""\
account test
host {trial.server.host}
port {trial.port}
tls on
tls_starttls {"off" if row.implicit else "on"}
tls_trust_file {trial.server.authority}
{f"tls_cert_file {who.certificate}" if row.mechanism == "EXTERNAL" else ""}
{f"tls_key_file {who.certificate}" if row.mechanism == "EXTERNAL" else ""}
auth {row.mechanism.lower()}
user {who.user}
passwordeval cat {secret}
delivery mbox {trial.folder}/box
uidls_file {trial.folder}/uidls
""",
    )
    return trial.run("mpop", "-C", config, "--debug", "test")


CLIENT = Client(
    "mpop",
    "mpop",
    [
        *rows(POP3, "SCRAM-SHA-256", "SCRAM-SHA-1", "EXTERNAL", "OAUTHBEARER", "XOAUTH2"),
        *rows(POP3, "CRAM-MD5", "PLAIN", "LOGIN", "USER"),
        *rows(POP3, "SCRAM-SHA-256", tls="TLS"),
    ],
    run,
)
