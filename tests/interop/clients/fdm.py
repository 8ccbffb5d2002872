"""fdm, which fetches messages and delivers them."""

from __future__ import annotations

from tests.interop.cases import IMAP, POP3, Client, Result, Trial, rows


def run(trial: Trial) -> Result:
    """Fetch what is there by one mechanism; it trusts no authority but the host's own."""
    row, who = trial.row, trial.credentials
    scheme = row.protocol.scheme + ("s" if row.implicit else "")
    cram = "no-cram-md5" if row.mechanism == "LOGIN command" else ""
    starttls = "" if row.implicit else "starttls"
    config = trial.file(
        "fdm.conf",
        f"""\
set lock-file "{trial.folder}/lock"
account "test" {scheme} server "{trial.server.host}" port {trial.port}
    user "{who.user}" pass "{who.password}" {cram} {starttls}
action "keep" maildir "{trial.folder}/mail"
match all action "keep"
""",
    )
    result = trial.run("fdm", "-vvvv", "-f", config, "fetch")
    # It says by its status that it has run.
    return Result("fetching error" not in result.transcript, result.transcript)


CLIENT = Client(
    "fdm",
    "fdm",
    [
        *rows(IMAP, "CRAM-MD5", "LOGIN command"),
        *rows(POP3, "USER"),
        *rows(POP3, "USER", tls="TLS"),
    ],
    run,
)
