"""s-nail, the mailx of Debian, which speaks SASL by itself: it sends a message."""

from __future__ import annotations

from urllib.parse import quote

from tests.interop.cases import SMTP, TWISTED_SMTP, Client, Result, Trial, rows


def run(trial: Trial) -> Result:
    """Send a message by one mechanism."""
    row, who = trial.row, trial.credentials
    secret = who.token if row.mechanism == "XOAUTH2" else who.password
    login = f"{quote(who.user, safe='')}:{quote(secret, safe='')}"
    scheme = "submissions" if row.implicit else "submission"
    variables = {
        "v15-compat": "yes",
        "from": "js@example.com",
        "hostname": "localhost",
        "mta": f"{scheme}://{login}@{trial.server.host}:{trial.port}",
        # What it calls so is XOAUTH2 in SMTP.
        "smtp-auth": {"XOAUTH2": "oauthbearer"}.get(row.mechanism, row.mechanism.lower()),
        **({} if row.implicit else {"smtp-use-starttls": "yes"}),
        "DEAD": trial.folder / "dead.letter",
        "tls-ca-file": trial.server.authority,
        "tls-ca-no-defaults": "",
        "tls-verify": "strict",
    }
    if row.mechanism == "EXTERNAL":
        variables["tls-config-pairs"] = (
            f"Certificate={who.certificate},PrivateKey={who.certificate}"
        )
    words = [word for name, value in variables.items() for word in ("-S", f"{name}={value}")]
    options = ("-:/", "-vv", "-S", "sendwait", "-s", "test")
    return trial.run("s-nail", *options, *words, "ann@example.com", typed="A message.\n")


CLIENT = Client(
    "s-nail",
    "s-nail",
    [
        *rows(SMTP, "EXTERNAL", "CRAM-MD5", "PLAIN", "LOGIN"),
        *rows(SMTP, "XOAUTH2", gives_up_at="334"),
        *rows(SMTP, "PLAIN", tls="TLS"),
        *rows(TWISTED_SMTP, "PLAIN"),
    ],
    run,
)
